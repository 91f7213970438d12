"""Python distributions in a folder of installed packages: metadata and source files, read as data."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path
from stat import S_ISREG

from understudy_servers.docs.clean import summary
from understudy_servers.docs.ids import normal, repository_of
from understudy_servers.docs.progress import Progress, silent
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.markdown import page_chunks
from understudy_servers.docs.readers.python_module import MAX_SOURCE, Module, UnreadableSource, read_module
from understudy_servers.docs.readers.python_package import SKIPPED_FOLDERS, package_chunks
from understudy_servers.docs.sources.files import NotReadable, read_file
from understudy_servers.docs.sources.folder import read_folder
from understudy_servers.docs.sources.source import Source

MAX_METADATA = 20_000_000  # bytes of METADATA or RECORD
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,200}")
_VERSION = re.compile(r"[\w.+!-]{1,100}")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """One installed distribution."""

    name: str
    version: str
    folder: Path  # the site-packages it lies in
    summary: str = ""
    repository: str = ""
    imports: tuple[str, ...] = ()  # top-level import names, such as yaml for PyYAML

    @property
    def key(self) -> str:
        return f"/pypi/{normal(self.name)}"

    @property
    def source(self) -> Source:
        """Where the documentation of this distribution is read from."""
        return Source(
            kind="installed",
            key=self.key,
            title=self.name,
            version=self.version,
            location=str(self.folder),
            origin="installed",
            summary=self.summary,
            repository=self.repository,
            aliases=self.imports,
        )


def site_packages(prefix: Path) -> list[Path]:
    """Return the folders of installed packages of a Python environment, given its prefix."""
    found = [*sorted(prefix.glob("lib/python3.*/site-packages"), reverse=True), prefix / "Lib" / "site-packages"]
    return [folder for folder in found if folder.is_dir()]


def installed(folder: Path) -> Iterator[Installed]:
    """Yield the distributions of a site-packages folder; broken ones are left out."""
    for distribution in _distributions(folder):
        try:
            metadata = distribution.metadata
            name, version = metadata["Name"], metadata["Version"]
        except (OSError, ValueError, KeyError):
            continue
        if not name or not version or not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
            continue
        links = [metadata["Home-page"] or "", *(metadata.get_all("Project-URL") or [])]
        yield Installed(
            name=name,
            version=version,
            folder=folder,
            summary=summary(metadata["Summary"] or ""),
            repository=next(filter(None, map(repository_of, links)), ""),
            imports=_imports(distribution),
        )


def _distributions(folder: Path, name: str | None = None) -> Iterator[Distribution]:
    # not metadata.distributions(): that asks every import hook of this very process as well
    for found in MetadataPathFinder.find_distributions(DistributionFinder.Context(name=name, path=[str(folder)])):
        if _is_readable(found):
            yield found


def _is_readable(distribution: Distribution) -> bool:
    """Say whether the files of metadata are ordinary ones of ordinary size; a pipe in their place would block."""
    place = getattr(distribution, "_path", None)  # importlib has no public way to it
    files = [Path(str(place), name) for name in ("METADATA", "RECORD", "PKG-INFO", "top_level.txt")]
    found = [file.stat() for file in files if file.exists()]
    return all(S_ISREG(one.st_mode) and one.st_size <= MAX_METADATA for one in found)


def _imports(distribution: Distribution) -> tuple[str, ...]:
    declared = distribution.read_text("top_level.txt")
    if declared:
        return tuple(name for name in declared.split() if name.isidentifier())
    record = distribution.read_text("RECORD") or ""
    tops = dict.fromkeys(
        line.partition("/")[0] for line in record.splitlines() if re.match(r"\w+/__init__\.pyi?,", line)
    )
    singles = dict.fromkeys(match[1] for match in re.finditer(r"^(\w+)\.py,", record, re.MULTILINE))
    return tuple(dict.fromkeys([*tops, *singles]))


def find(folder: Path, name: str) -> Distribution:
    """Return the distribution of a name.

    Raises:
        LookupError: it is no longer there.
    """
    for distribution in _distributions(folder, name):
        return distribution
    raise LookupError(f"{name!r} is not installed in {folder} any more. Install it again or ask for another library.")


def fingerprint(distribution: Distribution) -> str:
    """Return what changes when a distribution is replaced: version and the recorded hashes of its files."""
    record = distribution.read_text("RECORD") or distribution.read_text("SOURCES.txt") or ""
    return blake2b(f"{distribution.version}\n{record}".encode(), digest_size=12).hexdigest()


def read_distribution(folder: Path, name: str, progress: Progress = silent) -> tuple[list[Chunk], list[str]]:
    """Return the chunks of an installed distribution and a sentence for each file that could not be read.

    The README comes from the metadata, the API from `.py` and `.pyi` files. Nothing is imported or executed.
    """
    distribution = find(folder, name)
    notes: list[str] = []
    modules: dict[str, Module] = {}
    files = list(_sources(distribution, folder))
    for index, (path, relative) in enumerate(files):
        progress(index, len(files))
        try:
            merge(modules, _read(path, relative))
        except UnreadableSource as error:
            notes.append(str(error))
        except OSError as error:
            notes.append(f"{relative}: {error.strerror or error}")
    readme = _readme(distribution)
    chunks = page_chunks(readme, page="README", fallback_title=distribution.name) if readme else []
    return chunks + package_chunks(modules), notes


def read_tree(folder: Path, progress: Progress = silent) -> tuple[list[Chunk], list[str]]:
    """Return the chunks of an unpacked source tree: its pages, and the API of packages at its top or under `src`."""
    chunks, notes = read_folder(folder, progress)
    modules: dict[str, Module] = {}
    for top in (folder, folder / "src"):
        for package in sorted(top.glob("*/__init__.py")) if top.is_dir() else ():
            if package.parent.name in SKIPPED_FOLDERS | {"docs", "doc", "examples"}:
                continue
            for path in sorted(package.parent.rglob("*.py*")):
                relative = path.relative_to(top)
                if path.is_symlink() or not _is_source(relative):
                    continue
                try:
                    merge(modules, _read(path, relative))
                except (UnreadableSource, OSError) as error:
                    notes.append(str(error))
    return chunks + package_chunks(modules), notes


def _readme(distribution: Distribution) -> str:
    try:
        return str(distribution.metadata["Description"] or distribution.metadata.json.get("description") or "")
    except (OSError, ValueError, KeyError):
        return ""


def _sources(distribution: Distribution, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the Python files that may hold public definitions, absolute and as import path; none outside `folder`."""
    root = folder.resolve()
    for file in distribution.files or ():
        relative = Path(str(file))
        if ".." in relative.parts or relative.is_absolute() or not _is_source(relative):
            continue
        path = folder / relative
        try:
            inside = path.resolve().is_relative_to(root)
        except (OSError, RuntimeError, ValueError):
            continue  # a circle of links, or no path at all
        if inside:
            yield path, relative


def _is_source(relative: Path) -> bool:
    """Say whether a file may hold public definitions, by its import path."""
    if relative.suffix not in (".py", ".pyi") or relative.stem.startswith("test_"):
        return False
    if SKIPPED_FOLDERS & set(relative.parts[1:]):
        return False
    return all(part.removesuffix("-stubs").isidentifier() for part in relative.with_suffix("").parts)


def _read(path: Path, relative: Path) -> Module:
    try:
        data = read_file(path, MAX_SOURCE)
    except NotReadable as error:
        raise UnreadableSource(f"{relative}: {error}") from error
    parts = [part.removesuffix("-stubs") for part in relative.with_suffix("").parts]
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return read_module(data, name=name, path=relative.as_posix(), is_package=is_package)


def merge(modules: dict[str, Module], module: Module) -> None:
    """Add a module; a stub and its source become one, with the stub's signatures and the source's docstrings."""
    known = modules.get(module.name)
    if known is None:
        modules[module.name] = module
        return
    stub, source = (known, module) if known.path.endswith(".pyi") else (module, known)
    for name, definition in source.definitions.items():
        typed = stub.definitions.get(name)
        if typed is None or (typed.kind == "attribute" and definition.kind != "attribute"):
            stub.definitions[name] = definition  # `nanmin = amin` in a stub, a function of its own in the source
            stub.imports.pop(name, None)
            continue
        typed.doc = typed.doc or definition.doc
    stub.doc = stub.doc or source.doc
    stub.exported = source.exported if source.exported is not None else stub.exported
    stub.imports = source.imports | stub.imports
    stub.stars = list(dict.fromkeys([*stub.stars, *source.stars]))
    stub.computed = source.computed
    stub.given = stub.given | source.given
    stub.exported_from = list(dict.fromkeys([*stub.exported_from, *source.exported_from]))
    stub.path = source.path
    modules[module.name] = stub
