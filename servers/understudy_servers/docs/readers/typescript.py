"""TypeScript declarations as chunks, parsed with tree-sitter: functions, classes, interfaces, types, constants."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from understudy_servers.docs.clean import suspicion, visible
from understudy_servers.docs.readers.chunks import Chunk, split
from understudy_servers.docs.readers.formats import UnreadablePage

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_DEPTH = 4  # namespaces within namespaces
_DECLARATIONS = {
    "function_signature",
    "function_declaration",
    "class_declaration",
    "abstract_class_declaration",
    "interface_declaration",
    "type_alias_declaration",
    "enum_declaration",
    "lexical_declaration",
    "variable_declaration",
}
_MEMBERS = {
    "method_signature",
    "method_definition",
    "property_signature",
    "public_field_definition",
    "abstract_method_signature",
}


class DeclarationsUnavailable(Exception):
    """tree-sitter is not installed; the message says how to get it."""


@cache
def _parser() -> "Parser":
    try:
        # part of the `docs` extra; the base install reads READMEs only
        import tree_sitter_typescript  # noqa: PLC0415
        from tree_sitter import Language, Parser  # noqa: PLC0415
    except ImportError as error:
        raise DeclarationsUnavailable(
            "TypeScript declarations were left out: they need the docs extra. "
            "Install it with pip install 'understudy[docs]'."
        ) from error
    return Parser(Language(tree_sitter_typescript.language_typescript()))


def declaration_chunks(text: str, *, module: str, page: str) -> list[Chunk]:
    """Return a chunk for each declaration of a `.d.ts` file and for each documented member.

    Raises:
        DeclarationsUnavailable: the parser is not installed.
        UnreadablePage: the file is nested beyond reason.
    """
    source = visible(text).encode()
    tree = _parser().parse(source)
    try:
        return list(_walk(tree.root_node, source, module, page, 0))
    except RecursionError as error:
        raise UnreadablePage("left out, it is nested too deeply") from error


def _walk(node: "Node", source: bytes, owner: str, page: str, depth: int) -> Iterator[Chunk]:
    comment = ""
    for child in node.children:
        if child.type == "comment":
            comment = _text(child, source)
            continue
        declaration = _inner(child)
        if declaration.type in _DECLARATIONS:
            yield from _declaration(declaration, source, owner, page, comment)
        elif declaration.type in ("internal_module", "module") and depth < MAX_DEPTH:
            body = declaration.child_by_field_name("body")
            name = declaration.child_by_field_name("name")
            if body is not None and name is not None:
                title = _text(name, source).strip("'\"")
                inner = title if name.type == "string" else f"{owner}.{title}"
                yield from _walk(body, source, inner, page, depth + 1)
        elif declaration.type in ("ambient_declaration", "statement_block"):
            yield from _walk(declaration, source, owner, page, depth + 1)
        comment = ""


def _inner(node: "Node") -> "Node":
    """Return what `export` and `declare` wrap."""
    while node.type in ("export_statement", "ambient_declaration", "expression_statement"):
        wanted = _DECLARATIONS | {"internal_module", "module", "ambient_declaration"}
        inside = next((child for child in node.children if child.type in wanted), None)
        if inside is None:
            return node
        node = inside
    return node


def _declaration(node: "Node", source: bytes, owner: str, page: str, comment: str) -> Iterator[Chunk]:
    if node.type in ("lexical_declaration", "variable_declaration"):
        for declarator in node.children:
            if declarator.type == "variable_declarator":
                yield from _pieces(declarator, _text(node, source), source, owner, page, comment)
        return
    yield from _pieces(node, _text(node, source), source, owner, page, comment)
    body, name = node.child_by_field_name("body"), node.child_by_field_name("name")
    if body is None or name is None:
        return
    title = f"{owner}.{_text(name, source)}"
    doc = ""
    for member in body.children:
        if member.type == "comment":
            doc = _text(member, source)
        elif member.type in _MEMBERS and doc:
            yield from _pieces(member, _text(member, source), source, title, page, doc)
            doc = ""
        elif member.is_named:
            doc = ""


def _pieces(node: "Node", code: str, source: bytes, owner: str, page: str, comment: str) -> Iterator[Chunk]:
    name = node.child_by_field_name("name")
    if name is None:
        return
    title = f"{owner}.{_text(name, source)}"
    doc = _prose(comment)
    text = f"```ts\n{code}\n```" + (f"\n\n{doc}" if doc else "")
    for index, piece in enumerate(split(text)):
        yield Chunk(
            kind="api",
            title=title,
            text=piece,
            source=f"{page}:{node.start_point[0] + 1}",
            page=title,
            parent=title,
            names=(title,) if index == 0 else (),
            demoted="@deprecated" in comment or "@internal" in comment,
            flag=suspicion(piece),
        )


def _text(node: "Node", source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode(errors="replace")


def _prose(comment: str) -> str:
    """Return a JSDoc comment without its stars; other comments are the author's notes to themselves."""
    if not comment.startswith("/**"):
        return ""
    lines = comment[3:].removesuffix("*/").split("\n")
    return "\n".join(line.strip().removeprefix("*").removeprefix(" ") for line in lines).strip()
