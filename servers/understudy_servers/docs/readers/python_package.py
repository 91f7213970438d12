"""A Python package as chunks, each under the public path by which people import it.

The public name goes into the title, because the title carries most of the ranking.
"""

from collections.abc import Iterator, Mapping

from understudy_servers.docs.clean import suspicion, visible
from understudy_servers.docs.readers.chunks import Chunk, split
from understudy_servers.docs.readers.python_module import Definition, Module
from understudy_servers.docs.readers.python_names import Package, is_public

MAX_OWNERS = 8  # public classes that a private base's member is filed under
MAX_MEMBERS = 60  # attribute lines shown with a class or module
SKIPPED_FOLDERS = frozenset({"tests", "test", "_vendor", "vendor", "vendored", "__pycache__"})


def package_chunks(modules: Mapping[str, Module]) -> list[Chunk]:
    """Return the chunks of the public parts of a package, modules first by name."""
    package = Package(modules)
    package.give_docs()
    paths = package.public_paths()
    inherited, imported = package.private_bases(paths), package.imported_paths(paths)
    canonical = {f"{module}.{name}": found[0] for (module, name), found in paths.items()}
    chunks: list[Chunk] = []
    for module in modules.values():
        chunks.extend(_module_chunks(module, paths, package.compiled(module)))
        for definition in module.definitions.values():
            rest = definition.name.partition(".")[2]
            names = _names(definition, module, paths, inherited)
            if (
                not names
                or (rest and not is_public(rest))
                or (_silent(definition) and (rest or _listed(module, names)))
            ):
                continue
            bases = tuple(_base(package, module, base, canonical) for base in definition.bases)
            names += imported.get((module.name, definition.name), [])
            chunks.extend(_definition_chunks(module, definition, names, bases))
    return chunks


def _base(package: Package, module: Module, base: str, canonical: Mapping[str, str]) -> str:
    found = package.resolve(module.name, base)
    return canonical.get(".".join(found), ".".join(found)) if found else base


def _names(
    definition: Definition,
    module: Module,
    paths: Mapping[tuple[str, str], list[str]],
    inherited: Mapping[tuple[str, str], list[str]],
) -> list[str]:
    """Return the public names of a definition: its owner's public paths and its own."""
    top, _, rest = definition.name.partition(".")
    if not rest:
        return list(paths.get((module.name, top), ()))
    owners = paths.get((module.name, top)) or inherited.get((module.name, top), [])[:MAX_OWNERS]
    return [f"{path}.{rest}" for path in owners] + paths.get((module.name, definition.name), [])


def _listed(module: Module, names: list[str]) -> bool:
    """Say whether a silent attribute is a line of a public module's or class's own chunk."""
    return is_public(module.name) and names[0].startswith(f"{module.name}.")


def _silent(definition: Definition) -> bool:
    """Attributes without a docstring are lines of their owner's chunk, not chunks."""
    return definition.kind == "attribute" and not definition.doc


def _definition_chunks(
    module: Module, definition: Definition, names: list[str], bases: tuple[str, ...]
) -> Iterator[Chunk]:
    owner = f"{definition.name}."
    inner = [
        other.name[len(owner) :]
        for other in module.definitions.values()
        if definition.members and other.name.startswith(owner) and other.kind == "attribute"
    ]
    yield from _pieces(
        title=names[0],
        head=_fenced(definition.signature) + f"\n\n{definition.doc}".rstrip(),
        members=definition.members[:MAX_MEMBERS],
        attributes=[name for name in inner if is_public(name)],
        names=names,
        bases=bases,
        source=f"{module.path}:{definition.line}",
        demoted=definition.deprecated,
    )


def _module_chunks(module: Module, paths: Mapping[tuple[str, str], list[str]], compiled: list[str]) -> Iterator[Chunk]:
    if not is_public(module.name):
        return
    silent = [
        definition
        for definition in module.definitions.values()
        if "." not in definition.name and _silent(definition) and is_public(definition.name)
    ]
    silent = [definition for definition in silent if (module.name, definition.name) in paths]
    if not module.doc and not silent and not compiled:
        return
    yield from _pieces(
        title=module.name,
        head=module.doc,
        members=[definition.signature for definition in silent] + [f"{name}  # compiled" for name in compiled],
        attributes=[*(name for one in silent for name in _local(module, one, paths)), *compiled],
        names=[module.name],
        bases=(),
        source=f"{module.path}:1",
        demoted=False,
    )


def _local(module: Module, definition: Definition, paths: Mapping[tuple[str, str], list[str]]) -> list[str]:
    """Return the names of an attribute in its own module, `arccos` and its alias `acos`, its own first."""
    found = [path.rpartition(".") for path in paths[module.name, definition.name]]
    names = [name for owner, _, name in found if owner == module.name and name != definition.name]
    return [definition.name, *names]


def _pieces(
    *,
    title: str,
    head: str,
    members: list[str],
    attributes: list[str],
    names: list[str],
    bases: tuple[str, ...],
    source: str,
    demoted: bool,
) -> Iterator[Chunk]:
    text = visible("\n\n".join(part for part in (head, _fenced("\n".join(members)) if members else "") if part))
    pending = list(attributes)
    pieces = split(text) or [""]
    for index, piece in enumerate(pieces):
        last = index == len(pieces) - 1
        lines = {line.strip().partition(":")[0].partition(" ")[0] for line in piece.split("\n")}
        held = [name for name in pending if last or name in lines]
        pending = [name for name in pending if name not in held]
        own = tuple(names) if index == 0 else ()
        yield Chunk(
            kind="api",
            title=title,
            text=piece,
            source=source,
            page=title,
            parent=title,
            names=own + tuple(f"{name}.{attribute}" for attribute in held for name in names),
            bases=bases if index == 0 else (),
            demoted=demoted,
            flag=suspicion(piece),
        )


def _fenced(code: str) -> str:
    return f"```python\n{code}\n```"
