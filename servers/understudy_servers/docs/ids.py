"""How a library is named: Context7's `/org/project[/version]` grammar, and the short names a small model writes."""

import re
from dataclasses import dataclass

ECOSYSTEMS = ("pypi", "npm", "crates", "local", "websites", "llmstxt", "git")
MAX_ID = 500  # characters, Context7's limit
_ANY = {"packages": None, "docs": None, "library": None}  # Context7's path prefixes that do not say which registry
_REGISTRIES = {"pip": "pypi", "python": "pypi", "py": "pypi", "node": "npm", "js": "npm", "cargo": "crates"}
_FIELDS = re.compile(r"(?:name|library|id|libraryId): ?(\S+)(?:\nversion: ?(\S+))?")
_IMPORT = re.compile(r"(?:from|import)\s+([A-Za-z_]\w*)(?:\.[\w.]+)?(?:\s+(?:import|as)\s.*)?$")
_AROUND = (
    "library|libraries|package|module|docs|documentation|framework|version|python|javascript|typescript|js|npm|pypi|pip"
)
_RANGE = re.compile(r"([^<>=~^!]+?)\s*((?:(?:>=|<=|~=|!=|[<>^~])\s*v?\d[\w.*+-]*\s*,?\s*)+)$")
_PACKAGE_PAGE = re.compile(
    r"^https?://(?:www\.)?(?:(pypi)\.org/project|(npm)js\.com/package|(crates)\.io/crates)/((?:@[\w.~-]+/)?[\w.~-]+)"
    r"(?:/(?:v/)?(\d[\w.+-]*))?/?$"
)
_REPOSITORY = re.compile(r"(?:github|gitlab|bitbucket|codeberg)\.(?:com|org)[/:]([^/\s]+)/([^/\s#?]+)", re.IGNORECASE)


class BadLibraryId(ValueError):
    """The text cannot name a library."""


@dataclass(frozen=True, kw_only=True)
class LibraryRef:
    """A library as asked for: `ecosystem`, `version` and `repository` are empty when the asker did not say."""

    name: str
    ecosystem: str = ""
    version: str = ""
    repository: str = ""


def normal(name: str, ecosystem: str = "pypi") -> str:
    """Return the name under which a registry files a package: PEP 503 for Python, lower case elsewhere."""
    if ecosystem == "pypi":
        return re.sub(r"[-_.]+", "-", name).strip("-").lower()
    return name.strip().lower()


def library_key(ecosystem: str, name: str) -> str:
    """Return the canonical id of a library without a version, such as `/pypi/pydantic` or `/npm/@types/node`."""
    return f"/{ecosystem}/{normal(name, ecosystem)}"


def parse(text: str) -> LibraryRef:
    """Read a library id or a bare name: `/pypi/x/1.0`, `/owner/repo@tag`, `x`, `x@1`, `x==1`, `npm:@scope/x@1`.

    Raises:
        BadLibraryId: nothing in `text` can be a name, or it is longer than 500 characters.
    """
    if len(text) > MAX_ID:
        raise BadLibraryId(f"This library id has {len(text)} characters; at most {MAX_ID} are possible.")
    text = _said(text)
    if text.startswith(("http://", "https://")):
        return _from_url(text)
    if text.startswith("/"):
        return _from_path(text)
    prefix, colon, rest = text.partition(":")
    ecosystem = _REGISTRIES.get(prefix.lower(), prefix.lower()) if colon else ""
    ecosystem = ecosystem if ecosystem in ECOSYSTEMS else ""
    name, version = _versioned(rest if ecosystem else text)
    if not re.search(r"\w", name):
        raise BadLibraryId(
            f"{text!r} names no library. Write its name, such as 'pydantic', or an id, such as '/pypi/pydantic'."
        )
    if "/" in name and not name.startswith("@") and not ecosystem:
        return _from_path("/" + name + (f"/{version}" if version else ""))
    return LibraryRef(name=name, ecosystem=ecosystem, version=version)


def _said(text: str) -> str:
    """Return the id in what was said around it: quotes, an import line, words such as `library` or `(Python)`."""
    text = text.strip().strip("`'\"").strip()
    if match := _FIELDS.fullmatch(text):  # an object that was written as text
        return match[1] + (f"@{match[2]}" if match[2] else "")
    if match := _IMPORT.match(text):
        return match[1]
    if " " not in text:
        return text
    text = re.sub(r"\(\s*v?(\d[\w.+-]*)\s*\)", r"@\1", text)
    text = re.sub(rf"\s*\((?:{_AROUND})\)", "", text, flags=re.IGNORECASE)
    text = re.sub(rf"(?:\s+(?:{_AROUND}))+(?=\s|@|$)", "", text, flags=re.IGNORECASE)
    return re.sub(rf"^(?:the|{_AROUND})\s+(?=\S)", "", text, flags=re.IGNORECASE).replace(" @", "@").strip()


def _versioned(text: str) -> tuple[str, str]:
    if match := _RANGE.match(text[1:]):
        return (text[:1] + match[1]).strip().rstrip("@"), match[2].replace(" ", "")
    for separator in ("===", "==", "@"):
        name, found, version = text[1:].partition(separator)  # the first character may be the @ of an npm scope
        if found:
            return (text[:1] + name).strip(), version.strip().removeprefix("v")
    name, _, version = text.rpartition(" ")
    if name and re.fullmatch(r"v?\d[\w.+-]*", version):
        return name.strip(), version.removeprefix("v")
    return text.strip(), ""


def _from_path(text: str) -> LibraryRef:
    first, _, rest = text.strip("/").partition("/")
    ecosystem = first.lower()
    if rest and (ecosystem in ECOSYSTEMS or ecosystem in _ANY):
        ecosystem = ecosystem if ecosystem in ECOSYSTEMS else ""
        parts = rest.split("/")
        take = 2 if parts[0].startswith("@") and len(parts) > 1 else 1
        name, version = _versioned("/".join(parts[:take]))
        return LibraryRef(name=name, ecosystem=ecosystem, version=version or "/".join(parts[take:]).removeprefix("v"))
    if not rest:
        if not first:
            raise BadLibraryId(f"{text!r} names no library. Write an id such as '/pypi/pydantic', or just 'pydantic'.")
        name, version = _versioned(first)
        return LibraryRef(name=name, version=version)
    project, slash, version = rest.partition("/")
    if not slash:
        project, version = _versioned(project)
    return LibraryRef(name=project, version=version.removeprefix("v"), repository=f"{first}/{project}".lower())


def _from_url(text: str) -> LibraryRef:
    if match := _PACKAGE_PAGE.match(text):
        return LibraryRef(name=match[4], ecosystem=match[1] or match[2] or match[3], version=match[5] or "")
    repository = repository_of(text)
    if not repository:
        raise BadLibraryId(
            f"{text!r} is an address, not a library id. Add it with add-docs, then ask for the id that gives."
        )
    return LibraryRef(name=repository.partition("/")[2], repository=repository)


def symbol_name(text: str) -> str:
    """Return the dotted name in what was said around it: a call, an import line, a decorator, `::` for a dot."""
    text = text.encode(errors="replace").decode()  # half of a surrogate pair is no text that could be looked up
    text = text.strip().strip("`'\"").strip()[:MAX_ID]
    if match := re.match(r"from\s+([\w.]+)\s+import\s+(\w+)", text):
        return f"{match[1]}.{match[2]}"
    text = re.sub(r"^(?:import|def|class|async\s+def|function|method)\s+", "", text)
    return re.sub(r"\(.*", "", text, flags=re.DOTALL).replace("::", ".").removeprefix("@").strip()


def repository_of(url: str) -> str:
    """Return `owner/repo` in lower case when `url` points at a well-known forge, else an empty string."""
    match = _REPOSITORY.search(url)
    return f"{match[1]}/{match[2].removesuffix('.git')}".lower() if match else ""
