"""A result for people, in color. The words are those that a model reads."""

import click

from understudy_servers.testing.result import Result

GOOD, DOUBTFUL = frozenset({"passed"}), frozenset({"incomplete", "no_tests", "flaky", "infra_error"})


def echo_result(result: Result) -> None:
    """Print the verdict line in color, then the rest of the result as it is."""
    first, _, rest = result.as_text().partition("\n")
    color = "green" if result.verdict in GOOD else "yellow" if result.verdict in DOUBTFUL else "red"
    click.echo(click.style(first, fg=color, bold=True) + f"  [{result.ms:.0f} ms, {result.framework}]")
    if rest:
        click.echo(rest)
    if result.changed_tests:
        click.echo(f"changed since the start: {', '.join(result.changed_tests[:5])}")
