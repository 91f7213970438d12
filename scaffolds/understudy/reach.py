"""How a tool server is reached where a command line or a URL alone does not say it all.

A server gets what programs need to run and nothing that is secret: the keys in our environment belong to the models'
providers. What else a server needs is named, variable by variable.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

PASSED = frozenset(
    {
        *("HOME", "LOGNAME", "USER", "SHELL", "TERM", "PATH", "TMPDIR", "LANG", "LANGUAGE", "TZ"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "CARGO_HOME", "RUSTUP_HOME", "GOPATH", "GOCACHE", "GOMODCACHE", "JAVA_HOME"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
    }
)
"""What every program is given: where things lie, and in which language and time zone the user lives."""
PASSED_BEGINNINGS = ("LC_", "XDG_", "PYTHON", "UNDERSTUDY_", "COVERAGE_")
"""Families of settings; those that hold a secret by their name are left out."""
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE", re.IGNORECASE)


@dataclass(frozen=True)
class Reach:
    """A command line with the variables it needs, or a URL with the token it asks for.

    `inherit` names variables of ours that the command gets as they are, `environment` gives it others. `token` is sent
    as a bearer token, and never shown.
    """

    target: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, kw_only=True)
    inherit: tuple[str, ...] = field(default=(), kw_only=True)
    token: str | None = field(default=None, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.is_url and (self.environment or self.inherit):
            raise ValueError(f"{self.target!r} is a URL: it gets a token, not an environment.")
        if not self.is_url and self.token is not None:
            raise ValueError(f"{self.target!r} is a command: it gets an environment, not a token.")
        missing = [name for name in self.inherit if name not in os.environ]
        if missing:
            raise ValueError(f"The variable {missing[0]!r}, which {self.target!r} shall get, is not set.")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise ValueError(f"The token for {self.target!r} cannot travel in a header: it must be printable ASCII.")

    @property
    def is_url(self) -> bool:
        """Whether the server is reached over HTTP."""
        return self.target.startswith(("http://", "https://"))

    def variables(self) -> dict[str, str]:
        """The whole environment of the command."""
        given = {name: value for name, value in os.environ.items() if harmless(name)}
        given |= {name: os.environ[name] for name in self.inherit if name in os.environ}
        return given | dict(self.environment)


def harmless(name: str) -> bool:
    """Whether a variable is passed to every server, by its name."""
    return name in PASSED or (name.startswith(PASSED_BEGINNINGS) and not _SECRET.search(name))
