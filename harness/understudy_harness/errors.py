"""The harness's errors: each is one sentence for a person, and knows the exit code it ends a command with.

HarnessError(exit_code)
├── BenchmarkError     2  a benchmark is unknown, or its data is missing or broken (file, line)
├── SettingsError      2  a run, sweep or comparison that cannot be what was meant
├── LedgerError        2  a ledger that cannot be read or continued
├── DiskFull           3  the ledger or the cache could not be written
├── EndpointDown       3  every call of an endpoint fails, so going on would only fill the ledger with errors
├── Missing            3  an extra or a program is not installed
└── Stopped            4  a budget or a limit ended the run
"""

import click


class HarnessError(click.ClickException):
    """Root of what the harness raises on purpose; the command line prints the sentence and exits."""

    exit_code = 1


class BenchmarkError(HarnessError):
    """A benchmark is unknown, or its data is missing or broken."""

    exit_code = 2


class SettingsError(HarnessError):
    """The settings of a run cannot be what was meant."""

    exit_code = 2


class LedgerError(HarnessError):
    """A ledger cannot be read or continued."""

    exit_code = 2


class DiskFull(HarnessError):
    """A row or a completion could not be written; nothing after it was acknowledged."""

    exit_code = 3


class EndpointDown(HarnessError):
    """An endpoint does not answer."""

    exit_code = 3


class Missing(HarnessError):
    """An extra or a program is not installed."""

    exit_code = 3


class Stopped(HarnessError):
    """A budget or a limit ended the run."""

    exit_code = 4
