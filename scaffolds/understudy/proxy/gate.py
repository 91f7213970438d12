"""Who may speak to the proxy: the Host and Origin checks, and the bearer token.

A web page can make a browser send requests to loopback (DNS rebinding), so a Host header must be an IP address or a
known name, and an Origin header must be an allowed one. The tool servers have a gate of their own; the two packages do
not import each other. Not covered: TLS, which belongs to a reverse proxy.
"""

import hmac
import re
from collections.abc import Mapping
from ipaddress import ip_address

LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


class Gate:
    """The checks of every request."""

    def __init__(
        self, *, loopback: bool, token: str | None = None, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = ()
    ) -> None:
        """Set the rules.

        Args:
            loopback: The socket is reached from this machine only.
            token: What a client must send, if anything.
            hosts: Names in the Host header, beyond IP addresses and localhost.
            origins: Web pages that may call, beyond those of this machine for a loopback socket.
        """
        self._loopback, self._token = loopback, token
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    def refusal(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and words for a request that is not let in; None for one that is. Header names are in lower case."""
        host = _name(headers.get("host", "").strip())
        if host not in self._hosts and not _is_address(host):
            return 421, f"Host {host[:200]!r} is not served here. Start with --allow-host NAME."
        origin = headers.get("origin", "").strip()
        if origin and not self.knows_origin(origin):
            return 403, f"Origin {origin[:200]!r} is not allowed. Start with --allow-origin URL."
        if self._token is not None and not self._knows(headers):
            return 401, "This proxy needs a key: send the header Authorization: Bearer TOKEN."
        return None

    def knows_origin(self, origin: str) -> bool:
        """Whether a web page of this origin may call."""
        known = self._loopback and LOOPBACK_ORIGIN.fullmatch(origin) is not None
        return known or origin.rstrip("/").lower() in self._origins

    def _knows(self, headers: Mapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").strip().partition(" ")
        assert self._token is not None
        same = hmac.compare_digest(given.strip().encode(), self._token.encode())
        return same and scheme.lower() == "bearer"


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return (host.rpartition(":")[0] if ":" in host else host).lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
