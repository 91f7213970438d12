"""A Python package as chunks, each under the public path by which people import it.

`pydantic.main.BaseModel` is what the file says and `pydantic.BaseModel` is what people write; re-exports are followed
without running anything. The public name goes into the title, because the title carries most of the ranking.
"""

from collections.abc import Iterator, Mapping

from understudy_servers.docs.chunks import Chunk, split
from understudy_servers.docs.clean import suspicion, visible
from understudy_servers.docs.python_module import Definition, Module

MAX_HOPS = 8  # re-exports of re-exports; beyond that it is a cycle
MAX_MEMBERS = 60  # attribute lines shown with a class or module
SKIPPED_FOLDERS = frozenset({"tests", "test", "_vendor", "vendor", "vendored", "__pycache__"})


def is_public(dotted: str) -> bool:
    """Return whether no part of a dotted name starts with an underscore."""
    return not any(part.startswith("_") for part in dotted.split("."))


class Package:
    """The modules of one or more import packages, with the names they export."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules

    def resolve(self, module: str, name: str, hops: int = 0) -> tuple[str, str] | None:
        """Return the module and name where `module.name` is defined, or nothing when that is outside or a module."""
        known = self.modules.get(module)
        if known is None or hops > MAX_HOPS:
            return None
        first, _, rest = name.partition(".")
        definition = known.definitions.get(name)
        if definition and definition.kind != "attribute":
            return module, name
        if first in known.imports:
            source, original = known.imports[first]
            target = self._target(source, original, rest)
            if target and target != (module, name):
                found = self.resolve(*target, hops + 1)
                if found:
                    return found
        if definition:
            return module, name
        for star in known.stars:
            if star != module and is_public(first) and (found := self.resolve(star, name, hops + 1)):
                return found
        return None

    def _target(self, source: str, original: str, rest: str) -> tuple[str, str] | None:
        """Turn an import of `original` from `source`, followed by attributes `rest`, into a module and a name."""
        name = ".".join(part for part in (original, rest) if part)
        while name and f"{source}.{name.partition('.')[0]}" in self.modules and not self._defines(source, name):
            head, _, name = name.partition(".")
            source = f"{source}.{head}"
        return (source, name) if name else None

    def _defines(self, module: str, name: str) -> bool:
        known = self.modules.get(module)
        return known is not None and name.partition(".")[0] in known.definitions

    def exports(self, module: Module, hops: int = 0) -> Iterator[str]:
        """Yield the names a module offers: its `__all__`, else what it defines and, in a package, re-exports."""
        if module.exported is not None:
            yield from module.exported
            for source in module.exported_from:
                other = self._named(module, source)
                if other and other is not module and hops < MAX_HOPS:
                    yield from self.exports(other, hops + 1)
            return
        yield from (name for name in module.definitions if "." not in name)
        if module.is_package or module.path.endswith(".pyi"):
            top = module.name.partition(".")[0]
            yield from (name for name, (source, _) in module.imports.items() if source.partition(".")[0] == top)
            for star in module.stars:
                other = self.modules.get(star)
                if other and other is not module and hops < MAX_HOPS:
                    yield from self.exports(other, hops + 1)

    def _named(self, module: Module, name: str) -> Module | None:
        if name in module.imports:
            source, original = module.imports[name]
            name = f"{source}.{original}" if original else source
        prefix = module.name if module.is_package else module.name.rpartition(".")[0]
        return self.modules.get(name) or self.modules.get(f"{prefix}.{name}")

    def public_paths(self) -> dict[tuple[str, str], list[str]]:
        """Return the public paths of each top-level definition, best first: fewest dots, then where it is defined."""
        paths: dict[tuple[str, str], dict[str, None]] = {}
        for module in self.modules.values():
            if not is_public(module.name):
                continue
            for name in dict.fromkeys(self.exports(module)):
                if name.startswith("_") and name not in (module.exported or ()):
                    continue
                if (found := self.resolve(module.name, name)) and "." not in found[1]:
                    paths.setdefault(found, {}).setdefault(f"{module.name}.{name}")
            for name in module.definitions:
                if "." not in name and not name.startswith("_"):
                    paths.setdefault((module.name, name), {}).setdefault(f"{module.name}.{name}")
        ordered = {}
        for (module_name, name), found_paths in paths.items():
            own = f"{module_name}.{name}"
            ordered[module_name, name] = sorted(found_paths, key=lambda path: (path.count("."), path != own, path))
        return ordered


def package_chunks(modules: Mapping[str, Module]) -> list[Chunk]:
    """Return the chunks of the public parts of a package, modules first by name."""
    package = Package(modules)
    paths = package.public_paths()
    canonical = {f"{module}.{name}": found[0] for (module, name), found in paths.items()}
    chunks: list[Chunk] = []
    for module in modules.values():
        chunks.extend(_module_chunks(module, paths))
        for definition in module.definitions.values():
            top, _, rest = definition.name.partition(".")
            found = paths.get((module.name, top))
            if not found or (rest and not is_public(rest)) or _silent(definition):
                continue
            names = [f"{path}.{rest}" if rest else path for path in found]
            bases = tuple(_base(package, module, base, canonical) for base in definition.bases)
            chunks.extend(_definition_chunks(module, definition, names, bases))
    return chunks


def _base(package: Package, module: Module, base: str, canonical: Mapping[str, str]) -> str:
    found = package.resolve(module.name, base)
    return canonical.get(".".join(found), ".".join(found)) if found else base


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


def _module_chunks(module: Module, paths: Mapping[tuple[str, str], list[str]]) -> Iterator[Chunk]:
    if not is_public(module.name):
        return
    silent = [
        definition
        for definition in module.definitions.values()
        if "." not in definition.name and _silent(definition) and is_public(definition.name)
    ]
    silent = [definition for definition in silent if (module.name, definition.name) in paths]
    if not module.doc and not silent:
        return
    yield from _pieces(
        title=module.name,
        head=module.doc,
        members=[definition.signature for definition in silent],
        attributes=[definition.name for definition in silent],
        names=[module.name],
        bases=(),
        source=f"{module.path}:1",
        demoted=False,
    )


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
