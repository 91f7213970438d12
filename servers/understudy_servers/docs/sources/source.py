"""Where a library's documentation comes from, as plain data that travels through the job table."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

Kind = Literal[
    "installed", "folder", "npm", "sdist", "npm-tarball", "crate", "sphinx", "llmstxt", "git", "crawl", "openapi-url"
]
Origin = Literal["installed", "locked", "folder", "network"]

NETWORK: frozenset[Kind] = frozenset(
    {"sdist", "npm-tarball", "crate", "sphinx", "llmstxt", "git", "crawl", "openapi-url"}
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One version of one library and the place its documentation is read from."""

    kind: Kind
    key: str  # canonical library id without version, such as /pypi/pydantic
    title: str
    version: str
    location: str  # folder or URL
    origin: Origin
    summary: str = ""
    repository: str = ""
    aliases: tuple[str, ...] = ()  # import names
    digest: str = ""  # of an archive, as the lock file or registry states it: "sha256:..."

    @property
    def id(self) -> str:
        """The library id with its version."""
        return f"{self.key}/{self.version}" if self.version else self.key

    def dumps(self) -> str:
        """Return the source as one line of JSON, keys sorted: equal sources are equal text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> Self:
        """Read what `dumps` wrote; what a later release may have added is left out.

        Raises:
            ValueError: it is no source.
        """
        found: dict[str, Any] = json.loads(text)
        try:
            known = {one.name: found[one.name] for one in fields(cls) if one.name in found}
            return replace(cls(**known), aliases=tuple(known["aliases"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{text[:200]!r} is no source of documentation: {error}.") from error
