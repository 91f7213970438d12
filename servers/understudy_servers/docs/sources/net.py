"""Fetching from addresses a user named, without letting an address reach anything else.

http and https on their own ports only; every address a name resolves to must be public, and the connection goes to the
address that was checked, so that a second resolution cannot change it; each redirect is checked like the first address.
Sizes, times and redirects are capped. No proxy, cookie, credential or compression is used.
"""

import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import httpcore2

PORTS = {"http": 80, "https": 443}
MAX_REDIRECTS = 5
PAGE_BYTES = 5_000_000
ARCHIVE_BYTES = 100_000_000
SECONDS = 10.0
ARCHIVE_SECONDS = 120.0
AGENT = b"understudy-docs"
_SAFE = "/%:@!$&'()*+,;=~-._"
_GLOBAL = IPv6Network("2000::/3")  # whatever else is assigned one day, nothing public is outside of this
_NAT64 = IPv6Network("64:ff9b::/96")


class Refused(Exception):
    """An address must not be, or could not be, fetched; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What an address gave, and the address it came from after redirects."""

    url: str
    body: bytes
    kind: str  # media type, lower case, without parameters


@dataclass(kw_only=True)
class Fetcher:
    """Fetches within limits. `allowed` are `host:port` pairs that may be reached although they are not public."""

    allowed: frozenset[str] = field(default_factory=frozenset)

    def get(self, url: str, *, limit: int = PAGE_BYTES, seconds: float = SECONDS, accept: str = "*/*") -> Fetched:
        """Fetch one address; `accept` is the media types asked for.

        Raises:
            Refused: it is not allowed, too large, too slow, redirects too often, or the server said no.
        """
        deadline = time.monotonic() + seconds
        seen: list[str] = []
        guarded = _Guarded(self.allowed, deadline)
        with httpcore2.ConnectionPool(network_backend=guarded, ssl_context=_trust()) as pool:
            while True:
                url = normal_address(url)
                check_address(url, self.allowed)
                if url in seen or len(seen) > MAX_REDIRECTS:
                    raise Refused(f"{seen[0]!r} redirects in a circle or more than {MAX_REDIRECTS} times.")
                seen.append(url)
                answer = self._once(pool, url, limit, deadline, accept)
                if isinstance(answer, Fetched):
                    return answer
                try:
                    url = urljoin(url, answer)
                except ValueError as error:
                    raise Refused(f"{url!r} redirects to {answer!r}, which is no address: {error}.") from error

    def _once(self, pool: Any, url: str, limit: int, deadline: float, accept: str) -> Fetched | str:
        """Return the answer, or where it redirects to."""
        left = max(deadline - time.monotonic(), 0.1)
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), left)
        headers = [(b"Host", _host(url)), (b"User-Agent", AGENT), (b"Accept-Encoding", b"identity")]
        headers.append((b"Accept", accept.encode()))
        try:
            with pool.stream("GET", _target(url), headers=headers, extensions={"timeout": timeout}) as response:
                fields = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
                if response.status in (301, 302, 303, 307, 308) and "location" in fields:
                    return str(fields["location"])
                if response.status != 200:
                    raise Refused(f"{url!r} answered with status {response.status}.")
                if fields.get("content-encoding", "").strip().lower() not in ("", "identity"):
                    raise Refused(f"{url!r} sends compressed data although none was asked for.")
                body = _limited(response.iter_stream(), url, limit, deadline)
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, OSError) as error:
            raise Refused(f"{url!r} could not be fetched: {type(error).__name__} {error}".rstrip()) from error
        except (httpcore2.UnsupportedProtocol, ValueError, TypeError) as error:
            raise Refused(f"{url!r} is not an address that can be asked for: {error}.") from error
        kind = fields.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(url=url, body=body, kind=kind)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()  # reads some hundred certificates


def _limited(stream: Iterable[bytes], url: str, limit: int, deadline: float) -> bytes:
    body = bytearray()
    for part in stream:
        body += part
        if len(body) > limit:
            raise Refused(f"{url!r} is larger than the {limit} bytes that are read.")
        if time.monotonic() > deadline:
            raise Refused(f"{url!r} took too long.")
    return bytes(body)


def normal_address(url: str) -> str:
    """Return an address in ASCII, as browsers send it: its host in IDNA, spaces and other letters quoted.

    Raises:
        Refused: it cannot be one.
    """
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
            netloc = host if parts.port is None else f"{host}:{parts.port}"
        else:
            netloc = parts.netloc
    except ValueError as error:  # UnicodeError is one
        raise Refused(f"{url!r} is not an address: {error}.") from error
    return urlunsplit((parts.scheme, netloc, quote(parts.path, _SAFE), quote(parts.query, _SAFE + "?"), ""))


def _target(url: str) -> httpcore2.URL:
    """Return the address in parts, so that no second parser can read it in another way than the check did."""
    parts = urlsplit(url)
    return httpcore2.URL(
        scheme=parts.scheme.encode(),
        host=(parts.hostname or "").encode(),
        port=parts.port,
        target=urlunsplit(("", "", parts.path or "/", parts.query, "")).encode(),
    )


def _host(url: str) -> bytes:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return (host if parts.port in (None, PORTS[parts.scheme]) else f"{host}:{parts.port}").encode()


def check_address(url: str, allowed: frozenset[str] = frozenset()) -> tuple[str, int]:
    """Return host and port of an address whose form is allowed; names are resolved and checked when connecting.

    Raises:
        Refused: another scheme or port, credentials in it, or no host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"{url!r} is not an address: {error}.") from error
    if parts.scheme not in PORTS:
        raise Refused(f"{url!r} is neither http nor https.")
    if parts.username or parts.password:
        raise Refused(f"{parts.hostname!r} was given with credentials, which are never sent. Leave them out.")
    if not parts.hostname:
        raise Refused(f"{url!r} names no host.")
    port = PORTS[parts.scheme] if port is None else port
    if port != PORTS[parts.scheme] and f"{parts.hostname}:{port}" not in allowed:
        raise Refused(f"{url!r} uses port {port}; only {PORTS[parts.scheme]} is fetched from for {parts.scheme}.")
    return parts.hostname, port


def public_addresses(host: str, port: int, allowed: frozenset[str] = frozenset()) -> list[str]:
    """Return what a host resolves to.

    Raises:
        Refused: it does not resolve, or any of its addresses is not public.
    """
    try:
        found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise Refused(f"{host!r} does not resolve: {error}.") from error
    if f"{host}:{port}" not in allowed:
        for address in found:
            if not is_public(address):
                raise Refused(f"{host!r} resolves to {address}, which is not a public address.")
    return list(dict.fromkeys(found))


def is_public(text: str) -> bool:
    """Say whether an address is globally routable, whatever it is wrapped in."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            address = inner
        elif address.teredo is not None or address not in _GLOBAL:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class _Guarded(httpcore2.SyncBackend):
    """Connects to the addresses that were checked, not to the name, and until a deadline only."""

    def __init__(self, allowed: frozenset[str], deadline: float) -> None:
        self.allowed = allowed
        self.deadline = deadline

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        errors: list[Exception] = []
        for address in public_addresses(host, port, self.allowed):
            try:
                return _Hurried(super().connect_tcp(address, port, *args, **kwargs), self.deadline)
            except httpcore2.ConnectError as error:
                errors.append(error)
        raise errors[-1] if errors else Refused(f"{host!r} has no address.")

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> Any:
        raise Refused("A local socket is not an address to fetch from.")


class _Hurried(httpcore2.NetworkStream):
    """A connection that ends at a deadline, however slowly and however small the parts of an answer come."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self.stream = stream
        self.deadline = deadline

    def _left(self, timeout: float | None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("it took too long")
        return left if timeout is None else min(left, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Hurried(self.stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self.deadline)

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)
