"""The names of a Python package: what its modules export, where each is defined, and which docstring belongs to it.

`pydantic.main.BaseModel` is what the file says and `pydantic.BaseModel` is what people write; re-exports are followed
without running anything.
"""

from collections.abc import Iterator, Mapping

from understudy_servers.docs.readers.python_module import Definition, Module

MAX_HOPS = 8  # re-exports of re-exports; beyond that it is a cycle


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
        holder = known.definitions.get(first)
        if rest and holder and holder.kind == "attribute" and holder.bases:  # a method of an instance
            return self.resolve(module, f"{holder.bases[0]}.{rest}", hops + 1)
        for star in known.stars:
            taken = star != module and is_public(first) and self._given_by_star(star, first)
            if taken and (found := self.resolve(star, name, hops + 1)):
                return found
        return None

    def _given_by_star(self, module: str, name: str) -> bool:
        """Say whether `from module import *` may bring a name: `__all__` leaves out what a module uses itself."""
        known = self.modules.get(module)
        return (
            known is None
            or known.exported is None
            or bool(known.exported_from)
            or known.computed
            or (name in known.exported)
        )

    def _target(self, source: str, original: str, rest: str) -> tuple[str, str] | None:
        """Turn an import of `original` from `source`, followed by attributes `rest`, into a module and a name."""
        name = ".".join(part for part in (original, rest) if part)
        while name and f"{source}.{name.partition('.')[0]}" in self.modules and not self._defines(source, name):
            head, _, name = name.partition(".")
            source = f"{source}.{head}"
        return (source, name) if name else None

    def _defines(self, module: str, name: str) -> bool:
        """Say whether a name means something else than the submodule of that name."""
        known, first = self.modules.get(module), name.partition(".")[0]
        if known is None:
            return False
        submodule = known.imports.get(first) in (None, (module, first), (f"{module}.{first}", ""))
        return first in known.definitions or not submodule

    def exports(self, module: Module, hops: int = 0) -> Iterator[str]:
        """Yield the names a module offers: its `__all__`, else what it defines and, in a package, re-exports."""
        if module.exported is not None:
            yield from module.exported
            for source in module.exported_from:
                other = self._named(module, source)
                if other and other is not module and hops < MAX_HOPS:
                    yield from self.exports(other, hops + 1)
            if not module.computed:
                return
        yield from (name for name in module.definitions if "." not in name)
        yield from module.reexported
        bare = not any("." not in name and not name.startswith("_") for name in module.definitions)
        if module.is_package or module.path.endswith(".pyi") or module.computed or bare:
            yield from self.imported(module)
        elif not hops:
            return  # what a plain module takes in by a star is offered by whoever takes it in by a star from there
        for star in module.stars:
            other = self.modules.get(star)
            if other and other is not module and hops < MAX_HOPS:
                yield from self.exports(other, hops + 1)

    def imported(self, module: Module) -> Iterator[str]:
        """Yield the names a module imports from its own package, which can be had from it although it offers none."""
        top = module.name.partition(".")[0]
        yield from (name for name, (source, _) in module.imports.items() if source.partition(".")[0] == top)

    def _named(self, module: Module, name: str) -> Module | None:
        if name in module.imports:
            source, original = module.imports[name]
            name = f"{source}.{original}" if original else source
        prefix = module.name if module.is_package else module.name.rpartition(".")[0]
        return self.modules.get(name) or self.modules.get(f"{prefix}.{name}")

    def public_paths(self) -> dict[tuple[str, str], list[str]]:
        """Return the public paths of each definition that has any, best first: fewest dots, then where it stands."""
        paths: dict[tuple[str, str], dict[str, None]] = {}
        for module in self.modules.values():
            for name in self._offered(module) if is_public(module.name) else ():
                if found := self.resolve(module.name, name):
                    paths.setdefault(found, {})[f"{module.name}.{name}"] = None
        return {
            found: sorted(names, key=lambda path: (path.count("."), path != ".".join(found), path))
            for found, names in paths.items()
        }

    def imported_paths(self, paths: Mapping[tuple[str, str], list[str]]) -> dict[tuple[str, str], list[str]]:
        """Return where else public definitions can be had: from modules that merely import them."""
        more: dict[tuple[str, str], list[str]] = {}
        for module in self.modules.values():
            for name in self.imported(module) if is_public(module.name) else ():
                found = None if name.startswith("_") else self.resolve(module.name, name)
                path = f"{module.name}.{name}"
                if found and found in paths and path not in paths[found]:
                    more.setdefault(found, []).append(path)
        return more

    def _offered(self, module: Module) -> Iterator[str]:
        named = module.exported or ()
        yield from (name for name in dict.fromkeys(self.exports(module)) if not name.startswith("_") or name in named)
        yield from (name for name in module.definitions if "." not in name and not name.startswith("_"))

    def compiled(self, module: Module) -> list[str]:
        """Return what a module says it offers and no file defines: it is compiled, and its text is not to be had."""
        return [
            name
            for name in dict.fromkeys(module.exported or ())
            if is_public(name) and f"{module.name}.{name}" not in self.modules and not self.resolve(module.name, name)
        ]

    def private_bases(self, paths: Mapping[tuple[str, str], list[str]]) -> dict[tuple[str, str], list[str]]:
        """Return, for private classes that public ones inherit from, the public classes their members are reached by.

        `torch.Tensor.abs` is defined in `torch._C.TensorBase`, which nobody imports. Instances count as well.
        """
        owners: dict[tuple[str, str], list[str]] = {}
        waiting = [(found, names[0], 0) for found, names in paths.items()]
        while waiting:
            (module, name), public, depth = waiting.pop(0)
            definition = self.modules[module].definitions.get(name)
            if definition is None or definition.kind == "function" or depth > MAX_HOPS:
                continue
            for base in definition.bases:
                found = self.resolve(module, base)
                if found and found not in paths and found != (module, name) and public not in owners.get(found, ()):
                    owners.setdefault(found, []).append(public)
                    waiting.append((found, public, depth + 1))
        return owners

    def give_docs(self) -> None:
        """Put the docstrings that modules give to objects of C modules where those are defined, or define them."""
        for module in list(self.modules.values()):
            for target, doc in module.given.items():
                self._give(target, doc)
        for module in self.modules.values():
            for definition in module.definitions.values():
                if not definition.doc:
                    definition.doc = self._found_doc(module, definition)

    def _found_doc(self, module: Module, definition: Definition, hops: int = 0) -> str:
        """Return the docstring of what a stub describes, of an instance's class, or of the member it overrides."""
        first, _, rest = definition.name.partition(".")
        if first in module.imports and (target := self._target(*module.imports[first], rest)):
            found = self.resolve(*target)
            if found and found != (module.name, definition.name):
                described = self.modules[found[0]].definitions[found[1]]
                deeper = not described.doc and hops < MAX_HOPS
                return self._found_doc(self.modules[found[0]], described, hops + 1) if deeper else described.doc
        if definition.kind == "attribute" and definition.bases and f"{definition.bases[0]}(" in definition.signature:
            made = self.resolve(module.name, definition.bases[0])
            known = self.modules[made[0]].definitions[made[1]] if made else None
            return known.doc if known and known.kind == "class" else ""
        owner, _, member = definition.name.rpartition(".")
        if not owner or not is_public(member):
            return ""
        for base in self.modules[module.name].definitions[owner].bases if owner in module.definitions else ():
            found = self._inherited(module.name, base, member)
            if found and (doc := self.modules[found[0]].definitions[found[1]].doc):
                return doc.split("\n\n")[0]
        return ""

    def _give(self, target: str, doc: str) -> None:
        place, name = target, ""
        while place and place not in self.modules:
            place, _, part = place.rpartition(".")
            name = f"{part}.{name}" if name else part
        if not place or not name:
            return
        owner, _, member = name.partition(".")
        found = self.resolve(place, name) or self._inherited(place, owner, member)
        if found is not None:
            definition = self.modules[found[0]].definitions[found[1]]
            definition.doc = definition.doc or doc
        elif not member or self.resolve(place, owner):
            where, owner = self.resolve(place, owner) or (place, owner)
            full = f"{owner}.{member}" if member else owner
            leaf = full.rpartition(".")[2]
            self.modules[where].definitions[full] = Definition(
                name=full, kind="function", signature=_signature(leaf, doc), doc=doc, line=1
            )

    def _inherited(self, module: str, owner: str, member: str) -> tuple[str, str] | None:
        """Find a member in the classes a class is made from."""
        start = self.resolve(module, owner) if member else None
        waiting = [start] if start else []
        for _ in range(MAX_HOPS):
            if not waiting:
                return None
            place, name = waiting.pop(0)
            definitions = self.modules[place].definitions
            if f"{name}.{member}" in definitions:
                return place, f"{name}.{member}"
            bases = definitions[name].bases if name in definitions else ()
            waiting += [found for base in bases if (found := self.resolve(place, base))]
        return None


def _signature(name: str, doc: str) -> str:
    """Return the signature that a C docstring begins with, or just the name."""
    head = doc.split("\n\n")[0]
    return f"def {head}" if head.startswith(f"{name}(") and len(head) < 600 else name
