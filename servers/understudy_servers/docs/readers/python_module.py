"""What one Python file defines, read with `ast`: nothing is imported, so nothing can run.

A module becomes a list of definitions (functions, classes, methods, documented attributes) and a table of the names it
imports; `python_package` then finds the public path of each definition.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Literal

from understudy_servers.docs.readers.given_docs import given_docs

MAX_SOURCE = 5_000_000  # bytes of one file; generated tables beyond that hold no documentation
MAX_DEFAULT = 60  # characters of a default value that are shown
_DEPRECATED = re.compile(r"\bdeprecated\b", re.IGNORECASE)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class UnreadableSource(Exception):
    """A file could not be parsed; the message says why, and the rest of the package is still indexed."""


@dataclass(kw_only=True)
class Definition:
    """A function, class, method or attribute, named within its module: `BaseModel.model_dump`."""

    name: str
    kind: Literal["function", "class", "attribute"]
    signature: str
    doc: str
    line: int
    bases: tuple[str, ...] = ()
    members: list[str] = field(default_factory=list)  # lines such as `timeout: float = 5.0` shown with the class
    aliases: list[str] = field(default_factory=list)  # attributes without a text of their own
    deprecated: bool = False


@dataclass(kw_only=True)
class Module:
    """One parsed file."""

    name: str
    is_package: bool
    path: str
    doc: str = ""
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # local name -> (module, name or "")
    stars: list[str] = field(default_factory=list)
    exported: list[str] | None = None  # __all__, when it can be read without running
    exported_from: list[str] = field(default_factory=list)  # modules whose __all__ is added to ours
    reexported: set[str] = field(default_factory=set)  # `from x import y as y`, which says that y is offered
    computed: bool = False  # part of __all__ is computed: everything public counts as exported
    given: dict[str, str] = field(default_factory=dict)  # docstrings for objects elsewhere, by dotted name


def read_module(source: bytes, *, name: str, path: str, is_package: bool) -> Module:
    """Parse one file.

    Raises:
        UnreadableSource: it is too large, not Python of a version we read, or nested beyond reason.
    """
    if len(source) > MAX_SOURCE:
        raise UnreadableSource(f"{path}: {len(source)} bytes, more than the {MAX_SOURCE} that are read of one file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in somebody else's strings
            tree = ast.parse(source)
            module = Module(name=name, is_package=is_package, path=path, doc=ast.get_docstring(tree) or "")
            _Reader(module).body(tree.body, prefix="")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableSource(f"{path}: not readable as Python ({type(error).__name__}: {error})") from error
    return module


class _Reader:
    """Walks statements without descending into functions."""

    def __init__(self, module: Module) -> None:
        self.module = module
        package = module.name if module.is_package else module.name.rpartition(".")[0]
        self.package = package.split(".") if package else []
        self.values: dict[str, ast.expr] = {}  # what the module's names were assigned

    def body(self, statements: list[ast.stmt], prefix: str) -> None:
        for index, node in enumerate(statements):
            after = statements[index + 1] if index + 1 < len(statements) else None
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.function(node, prefix)
                case ast.ClassDef():
                    self.klass(node, prefix)
                case ast.Import() | ast.ImportFrom() if not prefix:
                    self.imported(node)
                case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                    self.assigned(node, after, prefix)
                case ast.Expr(value=ast.Call() as call) if not prefix:
                    self.called(call)
                case ast.For() | ast.While() if not prefix:
                    self.module.computed |= any(_is_all(inner) for inner in ast.walk(node))
                case _:
                    for inner in _nested(node):
                        self.body(inner, prefix)

    def function(self, node: FunctionNode, prefix: str) -> None:
        name = prefix + node.name
        signature = function_signature(node)
        known = self.module.definitions.get(name)
        decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
        if known and known.kind == "attribute" and decorators & {"setter", "deleter"}:
            return
        doc = "\n\n".join(filter(None, (ast.get_docstring(node) or "", _parameter_docs(node.args))))
        if "overload" in decorators and known and known.kind == "function":
            if known.signature.count("\n") < 12:
                known.signature += "\n" + signature
            known.doc = known.doc or doc
            return
        if known and known.kind == "function":  # the implementation of overloads, or another branch of an `if`
            known.doc = known.doc or doc
            return
        if decorators & {"property", "cached_property"}:
            returns = f": {ast.unparse(node.returns)}" if node.returns else ""
            self.add(
                Definition(name=name, kind="attribute", signature=f"{node.name}{returns}", doc=doc, line=node.lineno)
            )
            return
        self.add(
            Definition(
                name=name,
                kind="function",
                signature=signature,
                doc=doc,
                line=node.lineno,
                deprecated=_is_deprecated(node.decorator_list, doc),
            )
        )

    def klass(self, node: ast.ClassDef, prefix: str) -> None:
        name = prefix + node.name
        bases = tuple(text for text in (_dotted(base) for base in node.bases) if text)
        shown = ", ".join(ast.unparse(base) for base in [*node.bases, *(keyword.value for keyword in node.keywords)])
        definition = Definition(
            name=name,
            kind="class",
            signature=f"class {node.name}({shown})" if shown else f"class {node.name}",
            doc=ast.get_docstring(node) or "",
            line=node.lineno,
            bases=bases,
            deprecated=_is_deprecated(node.decorator_list, ""),
        )
        self.add(definition)
        self.body(node.body, prefix=f"{name}.")
        constructor = self.module.definitions.pop(f"{name}.__init__", None)
        if constructor:
            definition.signature += "\n" + constructor.signature
            if len(constructor.doc) > 40:
                definition.doc = f"{definition.doc}\n\n{constructor.doc}".strip()

    def assigned(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, after: ast.stmt | None, prefix: str) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            if not prefix and node.value is not None and not isinstance(node, ast.AugAssign):
                self.values[target.id] = node.value
            if target.id == "__all__" and not prefix and node.value is not None:
                self.exports(node.value, extend=isinstance(node, ast.AugAssign))
            elif not isinstance(node, ast.AugAssign) and not target.id.startswith("__"):
                self.attribute(target.id, node, after, prefix)

    def attribute(self, name: str, node: ast.Assign | ast.AnnAssign, after: ast.stmt | None, prefix: str) -> None:
        full = prefix + name
        if full in self.module.definitions:
            return
        if not prefix and isinstance(node, ast.Assign) and (alias := _dotted(node.value)):
            self.module.imports.setdefault(name, (self.module.name, alias))
        annotation = f": {_short(node.annotation, 120)}" if isinstance(node, ast.AnnAssign) else ""
        value = f" = {_short(node.value)}" if node.value is not None else ""
        doc = _described(node.value) or _string(after) or self.given(node.value)
        maker = _maker(node) if not prefix else ""
        self.add(
            Definition(
                name=full,
                kind="attribute",
                signature=f"{name}{annotation}{value}",
                doc=doc,
                line=node.lineno,
                bases=(maker,) if maker else (),
            )
        )

    def add(self, definition: Definition) -> None:
        owner = self.module.definitions.get(definition.name.rpartition(".")[0])
        if definition.kind == "attribute" and owner and not definition.name.rpartition(".")[2].startswith("_"):
            owner.members.append(definition.signature.split("\n")[0])
        known = self.module.definitions.get(definition.name)
        if known is None or (known.kind == "attribute" and not known.doc and definition.kind != "attribute"):
            self.module.definitions[definition.name] = definition  # `X = ...` for type checkers, `class X` for people

    def imported(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    self.module.imports[alias.asname] = (alias.name, "")
            return
        base = self.package[: len(self.package) - node.level + 1] if node.level else []
        source = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
        for alias in node.names:
            if alias.name == "*":
                self.module.stars.append(source)
            else:
                self.module.imports[alias.asname or alias.name] = (source, alias.name)
                if alias.asname == alias.name:
                    self.module.reexported.add(alias.name)

    def called(self, call: ast.Call) -> None:
        """Read a call that extends `__all__` or gives a docstring to an object of a C module."""
        if isinstance(call.func, ast.Attribute) and _is_all(call.func.value):
            for argument in call.args:
                self.exports(argument, extend=True)
        elif isinstance(call.func, ast.Name) and call.func.id == "extend_all":  # numpy's
            self.module.exported_from += [name for name in map(_dotted, call.args) if name]
        else:
            self.given(call)

    def given(self, value: ast.expr | None) -> str:
        """Note the docstrings that a call gives to objects elsewhere, and return the first."""
        if not isinstance(value, ast.Call):
            return ""
        package = ".".join(self.package)
        found = dict(given_docs(value, package=package, module=self.module.name, values=self.values))
        self.module.given |= found
        return next(iter(found.values()), "")

    def exports(self, value: ast.expr, *, extend: bool) -> None:
        if not extend:
            self.module.exported = []
        names = self.module.exported = self.module.exported or []
        match value:
            case ast.List() | ast.Tuple() | ast.Set():
                for item in value.elts:
                    if isinstance(item, ast.Starred):
                        self.exports(item.value, extend=True)
                    elif isinstance(item, ast.Constant) and isinstance(item.value, str):
                        names.append(item.value)
            case ast.BinOp(op=ast.Add() | ast.BitOr()):
                self.exports(value.left, extend=True)
                self.exports(value.right, extend=True)
            case ast.Attribute(attr="__all__") if source := _dotted(value.value):
                self.module.exported_from.append(source)
            case ast.Call(func=ast.Name(id="sorted" | "list" | "tuple" | "set"), args=[inner, *_]):
                self.exports(inner, extend=True)
            case ast.Constant(value=str(name)):  # of __all__.append
                names.append(name)
            case _:
                self.module.computed = True


def function_signature(node: FunctionNode) -> str:
    """Return `def name(...) -> X`, one parameter a line when it is long; `self` and `cls` are left out."""
    parameters = list(_parameters(node.args))
    if parameters and parameters[0] in ("self", "cls", "mcs"):
        parameters = parameters[1:]
    start = f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}def {node.name}"
    returns = f" -> {_short(node.returns, 200)}" if node.returns else ""
    line = f"{start}({', '.join(parameters)}){returns}"
    if len(line) <= 110:
        return line
    inside = "".join(f"\n    {parameter}," for parameter in parameters)
    return f"{start}({inside}\n){returns}"


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    for index, (argument, default) in enumerate(zip(plain, [*defaults, *arguments.defaults], strict=True)):
        yield _parameter(argument, default)
        if arguments.posonlyargs and index == len(arguments.posonlyargs) - 1:
            yield "/"
    if arguments.vararg:
        yield "*" + _parameter(arguments.vararg, None)
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default)
    if arguments.kwarg:
        yield "**" + _parameter(arguments.kwarg, None)


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = f": {_short(_bare(argument.annotation), 200)}" if argument.annotation else ""
    if default is None:
        return argument.arg + annotation
    return f"{argument.arg}{annotation}{' = ' if annotation else '='}{_short(default)}"


def _parameter_docs(arguments: ast.arguments) -> str:
    """Return the texts of parameters written as `Annotated[X, Doc("...")]` (PEP 727), as FastAPI does."""
    lines = []
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        for node in _metadata(argument.annotation):
            if _is_doc(node) and isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                text = cleandoc(str(node.args[0].value)).split("\n\n")[0]
                lines.append(f"- {argument.arg}: " + " ".join(text.split()))
    return "Parameters:\n" + "\n".join(lines) if lines else ""


def _metadata(annotation: ast.expr | None) -> list[ast.expr]:
    """Return what `Annotated` adds to a type, or nothing."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Annotated") | ast.Attribute(attr="Annotated"), slice=ast.Tuple(elts=all)):
            return all[1:]
    return []


def _is_doc(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _dotted(node.func).rpartition(".")[2] in ("Doc", "deprecated")


def _bare(annotation: ast.expr) -> ast.expr:
    """Return an annotation without `Doc(...)`, which is shown as text, and without an `Annotated` left empty."""
    kept = [node for node in _metadata(annotation) if not _is_doc(node)]
    if not isinstance(annotation, ast.Subscript) or len(kept) == len(_metadata(annotation)):
        return annotation
    assert isinstance(annotation.slice, ast.Tuple)
    inner = annotation.slice.elts[0]
    return inner if not kept else ast.Subscript(annotation.value, ast.Tuple([inner, *kept], ast.Load()), ast.Load())


def _short(node: ast.expr | None, limit: int = MAX_DEFAULT) -> str:
    if node is None:
        return ""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = repr(text) if limit == MAX_DEFAULT else text  # a quoted annotation reads better bare
    return text if len(text) <= limit else text[:limit] + "..."


def _nested(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    match node:
        case ast.If() if any(isinstance(inner, ast.Name) and inner.id == "__name__" for inner in ast.walk(node.test)):
            yield node.orelse  # what runs as a program offers nothing
        case ast.If():
            yield node.body
            yield node.orelse
        case ast.Try() | ast.TryStar():
            yield node.body
            for handler in node.handlers:
                yield handler.body
            yield node.orelse
        case ast.With():
            yield node.body


def _maker(node: ast.Assign | ast.AnnAssign) -> str:
    """Return the class that an attribute is an instance of, as far as the line says."""
    if isinstance(node, ast.AnnAssign):
        return _dotted(node.annotation)
    return _dotted(node.value.func) if isinstance(node.value, ast.Call) else ""


def _is_all(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "__all__"


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            owner = _dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        case ast.Subscript():  # Generic[T] as a base
            return _dotted(node.value)
    return ""


def _string(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return cleandoc(node.value.value)
    return ""


def _described(value: ast.expr | None) -> str:
    """Return the `description=`, `help=` or `doc=` of a call such as pydantic's `Field` or a click option."""
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg in ("description", "help", "doc") and isinstance(keyword.value, ast.Constant):
                return cleandoc(str(keyword.value.value))
    return ""


def _is_deprecated(decorators: list[ast.expr], doc: str) -> bool:
    if any("deprecated" in ast.unparse(decorator).lower() for decorator in decorators):
        return True
    return bool(_DEPRECATED.search(doc[:200]))
