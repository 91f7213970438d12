"""Check the tokens of an authorization server by asking it about each (RFC 7662).

The SDK serves the protected-resource metadata (RFC 9728) and the 401 challenge that sends a client to the issuer; this
file asks the issuer's introspection endpoint about each token. Answers are kept for a minute, refusals are not: a token
that was revoked is refused a minute later at the latest.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from pydantic import AnyHttpUrl, TypeAdapter

from understudy_servers.oauth import ResourceServer

KEPT_SECONDS = 60.0
KEPT_TOKENS = 1_000
TIMEOUT_SECONDS = 10.0
ID_VARIABLE, SECRET_VARIABLE = "UNDERSTUDY_OAUTH_CLIENT_ID", "UNDERSTUDY_OAUTH_CLIENT_SECRET"

_url = TypeAdapter(AnyHttpUrl).validate_python


def auth_settings(server: ResourceServer) -> AuthSettings:
    """The SDK's settings of the same thing."""
    return AuthSettings(
        issuer_url=_url(server.issuer),
        resource_server_url=_url(server.resource),
        required_scopes=list(server.scopes) or None,
        validate_token_resource=False,  # `Introspection` compares the audience, which may be a list
    )


@dataclass
class Introspection(TokenVerifier):
    """Ask the authorization server about a token; what cannot be asked is refused."""

    server: ResourceServer
    client: httpx2.AsyncClient | None = None
    clock: Callable[[], float] = time.monotonic
    _kept: "OrderedDict[str, tuple[float, AccessToken]]" = field(default_factory=OrderedDict)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the token stands for; None when it is not active, not for us, or cannot be checked."""
        kept = self._kept.get(token)
        if kept is not None and kept[0] > self.clock():
            return kept[1]
        self._kept.pop(token, None)
        said = await self._ask(token)
        access = None if said is None else self._accepted(token, said)
        if access is not None:
            self._kept[token] = (self.clock() + KEPT_SECONDS, access)
            while len(self._kept) > KEPT_TOKENS:
                self._kept.popitem(last=False)
        return access

    async def _ask(self, token: str) -> dict[str, Any] | None:
        if self.client is None:
            self.client = httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        name = os.environ.get(ID_VARIABLE)
        auth = httpx2.BasicAuth(name, os.environ.get(SECRET_VARIABLE, "")) if name else httpx2.USE_CLIENT_DEFAULT
        form = {"token": token, "token_type_hint": "access_token"}
        try:
            answer = await self.client.post(self.server.introspection, data=form, auth=auth)
            said = answer.json() if answer.status_code == 200 else None
        except (httpx2.HTTPError, ValueError):
            return None
        return said if isinstance(said, dict) else None

    def _accepted(self, token: str, said: dict[str, Any]) -> AccessToken | None:
        if said.get("active") is not True:
            return None
        audience = said.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if self.server.resource.rstrip("/") not in [str(one).rstrip("/") for one in audiences]:
            return None  # issued for another server: a token must not be passed on
        if said.get("iss") is not None and str(said["iss"]).rstrip("/") != self.server.issuer.rstrip("/"):
            return None
        expires = said.get("exp")
        return AccessToken(
            token=token,
            client_id=str(said.get("client_id") or said.get("sub") or ""),
            scopes=str(said.get("scope") or "").split(),
            expires_at=int(expires) if isinstance(expires, int | float) else None,
            resource=self.server.resource,
        )
