"""Which libraries there are to ask about, and which of them a name means. A library is never invented.

Three places are looked at: what the user's project has installed or locked, what the user added, and what is indexed
already. A name matches a library by its name, an import name, or its repository, after the normalization that its
registry uses; what is only similar is offered as a suggestion and never answered from.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from understudy_servers.docs.ids import LibraryRef, normal
from understudy_servers.docs.index.store import IndexedVersion
from understudy_servers.docs.sources.source import Source

# import aliases that everybody writes and no metadata tells
CUSTOMARY = {"np": "numpy", "pd": "pandas", "plt": "matplotlib", "tf": "tensorflow", "nx": "networkx", "sns": "seaborn"}
_PREFERRED = {"installed": 0, "folder": 1, "locked": 2, "network": 3}


class NotIndexed(LookupError):
    """No library answers to the name; the message says what is near and how to add it."""


@dataclass(kw_only=True)
class Library:
    """One library, with every version that can be asked about, the project's own first."""

    key: str
    title: str
    summary: str = ""
    repository: str = ""
    aliases: tuple[str, ...] = ()
    sources: dict[str, Source] = field(default_factory=dict)  # by version; the first is the project's
    indexed: dict[str, IndexedVersion] = field(default_factory=dict)

    @property
    def ecosystem(self) -> str:
        return self.key.split("/")[1]

    @property
    def versions(self) -> list[str]:
        """Every version, the project's own first, then by number downwards."""
        rest = sorted(
            (number for number in self.indexed if number not in self.sources), key=version_order, reverse=True
        )
        return [*self.sources, *rest]

    def choose(self, wanted: str) -> str | None:
        """Return the version that `wanted` means: itself, one it is a prefix of, or the project's when it is empty."""
        if wanted in ("", "*", "latest"):
            return self.versions[0]
        if wanted in self.versions:
            return wanted
        if re.match(r"[<>=~^!]", wanted):
            return next((number for number in self.versions if satisfies(number, wanted)), None)
        prefix = wanted.rstrip(".*xX").rstrip(".") + "."
        return next((number for number in self.versions if f"{number}.".startswith(prefix)), None)


def satisfies(number: str, wanted: str) -> bool:
    """Say whether a version lies in a range as pip or npm write it: `>=2,<3`, `~=2.1`, `^2.1`, `~2.1`."""
    ours = version_order(number)
    bounds = re.findall(r"(>=|<=|~=|!=|==|[<>^~])v?(\d[\w.*+-]*)", wanted)
    return bool(number and bounds) and all(_within(ours, sign, bound.rstrip(".*")) for sign, bound in bounds)


def _within(ours: list[tuple[int, int, str]], sign: str, bound: str) -> bool:
    theirs = version_order(bound)
    if sign in ("^", "~", "~="):
        parts = max(len(theirs) - 1, 1) if sign == "~=" else 1 if sign == "^" else min(len(theirs), 2)
        return ours >= theirs and ours[:parts] == theirs[:parts]
    return {
        ">=": ours >= theirs,
        "<=": ours <= theirs,
        ">": ours > theirs,
        "<": ours < theirs,
        "!=": ours != theirs,
        "==": ours == theirs,
    }[sign]


def version_order(number: str) -> list[tuple[int, int, str]]:
    """Return a sorting key for version numbers of any ecosystem: numeric parts by number, others before them."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.findall(r"\d+|[a-z]+", number.lower())
    ]


def gather(sources: Iterable[Source], indexed: Iterable[IndexedVersion]) -> dict[str, Library]:
    """Return the libraries by key. `sources` come in order of preference."""
    libraries: dict[str, Library] = {}
    for source in sorted(sources, key=lambda source: _PREFERRED[source.origin]):
        library = libraries.setdefault(source.key, Library(key=source.key, title=source.title))
        library.sources.setdefault(source.version, source)
        library.summary = library.summary or source.summary
        library.repository = library.repository or source.repository
        library.aliases = library.aliases or source.aliases
    for version in indexed:
        library = libraries.setdefault(version.key, Library(key=version.key, title=version.title))
        library.indexed[version.number] = version
        library.summary = library.summary or version.summary
        library.repository = library.repository or version.repository
        library.aliases = library.aliases or version.aliases
    return libraries


def find(libraries: Mapping[str, Library], ref: LibraryRef) -> list[Library]:
    """Return the libraries a reference names, best first; empty when none does."""
    if ref.repository:
        by_repository = [library for library in libraries.values() if library.repository == ref.repository]
        if by_repository:
            wanted = normal(ref.name)
            return sorted(by_repository, key=lambda library: normal(library.title) != wanted)
        return []
    spellings = _spellings(ref.name)
    found = []
    for library in libraries.values():
        if ref.ecosystem and library.ecosystem != ref.ecosystem:
            continue
        rank = _match(library, spellings)
        if rank is not None:
            found.append((rank, _standing(library), library.key, library))
    return [row[-1] for row in sorted(found, key=lambda row: row[:3])]


def _standing(library: Library) -> int:
    """Rank what the project has before what was added under the same name: a folder must not pass for a package."""
    return min((_PREFERRED[source.origin] for source in library.sources.values()), default=len(_PREFERRED))


def _match(library: Library, spellings: list[str]) -> int | None:
    name = library.key.split("/", 2)[2]
    for rank, spelling in enumerate(spellings):
        if spelling in (name, normal(library.title), library.title.lower()):
            return rank
    aliases = {alias.lower() for alias in library.aliases}
    for rank, spelling in enumerate(spellings):
        if spelling in aliases or spelling.replace("-", "_") in aliases:
            return 10 + rank
    return None


def _spellings(name: str) -> list[str]:
    """Return the ways a name may be filed, most literal first: `Next.js` is also filed as `next`."""
    lowered = re.sub(r"\s+", "-", name.strip().lower())
    forms = [lowered, normal(lowered)]
    forms += [re.sub(r"[.-]?js$", "", form) for form in forms if re.search(r"[.-]js$", form)]
    forms += [form.removeprefix("python-") for form in forms]
    forms += [CUSTOMARY.get(lowered, "")]
    return list(dict.fromkeys(form for form in forms if form))


def related(libraries: Mapping[str, Library], library: Library, limit: int = 4) -> list[Library]:
    """Return libraries of the same family, such as `pydantic-core` beside `pydantic`."""
    start = f"{library.key}-"
    return [libraries[key] for key in sorted(libraries) if key.startswith(start)][:limit]


def not_indexed(libraries: Mapping[str, Library], asked: str, *, ecosystem: str = "") -> NotIndexed:
    """Return the refusal for a name that no library has: the nearest names, and how to add the one meant."""
    names: dict[str, str] = {}
    for library in libraries.values():
        if not ecosystem or library.ecosystem == ecosystem:
            names.setdefault(normal(library.title), library.title)
            for alias in library.aliases:
                names.setdefault(alias.lower(), library.title)
    asked = asked if len(asked) <= 80 else asked[:80] + "..."
    near = get_close_matches(normal(asked), names, n=6, cutoff=0.72)
    first = re.split(r"[^\w]", asked.lower())[0]  # `click.testing` and `click-extra` are near click, and are not click
    near += [first] if first in names and first not in near else []
    nearest = list(dict.fromkeys(names[name] for name in near))[:3]
    suggestion = (
        f"nearest: {', '.join(nearest)}" if nearest else "nothing installed, locked or added has a similar name"
    )
    return NotIndexed(
        f"{asked!r} is not indexed; {suggestion}. Add it with add-docs: a folder, or with the network allowed "
        "'pypi:name==version', 'npm:name@version' or an address. `list-libraries` shows what there is."
    )


def no_such_version(library: Library, wanted: str) -> NotIndexed:
    """Return the refusal for a version that is neither installed, locked nor indexed."""
    prefix = {"pypi": "pypi:{}=={}", "npm": "npm:{}@{}"}.get(library.ecosystem) if wanted[:1].isdigit() else None
    add = f" Add it with add-docs {prefix.format(library.title, wanted)!r}." if prefix else ""
    return NotIndexed(
        f"{library.title} {wanted} is not indexed; there is {', '.join(library.versions[:6])}. "
        f"Ask for {library.key!r} to get {library.versions[0]}.{add}"
    )
