"""What makes a server an OAuth 2.1 resource server: whose tokens it takes, for which address. Needs no library."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ResourceServer:
    """An authorization server guards this server.

    `issuer` is the authorization server, `resource` this server's own URL as clients know it (RFC 8707),
    `introspection` the endpoint that says whether a token is active (RFC 7662), `scopes` what a token must hold.
    """

    issuer: str
    resource: str
    introspection: str
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("issuer", "resource", "introspection"):
            value = getattr(self, name)
            if not value.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
                raise ValueError(f"{value!r} would send tokens in the clear. Give --oauth-{name} an https address.")
