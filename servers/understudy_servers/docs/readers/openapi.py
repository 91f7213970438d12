"""OpenAPI and Swagger descriptions as chunks: one per operation and one per named schema."""

import json
from collections.abc import Iterator
from typing import Any

from understudy_servers.docs.clean import one_line, suspicion, visible
from understudy_servers.docs.readers.chunks import Chunk, split
from understudy_servers.docs.readers.formats import UnreadablePage

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MAX_FIELDS = 60
MAX_ENTRIES = 5_000
MAX_DEPTH = 3  # of types within types; YAML aliases can make them endless
MAX_TEXT = 20_000  # characters of one description


def read_openapi(text: str, page: str) -> list[Chunk]:
    """Read an OpenAPI 3 or Swagger 2 description; any other JSON or YAML file gives nothing."""
    head = text[:20_000]
    if "openapi" not in head and "swagger" not in head:
        return []
    try:
        data = json.loads(text) if text.lstrip()[:1] == "{" else _yaml(text)
        if not isinstance(data, dict) or not ({"openapi", "swagger"} & set(data)):
            return []
        return [chunk for title, body, names in _entries(data) for chunk in _chunks(title, body, names, page)]
    except (ValueError, TypeError, RecursionError) as error:
        raise UnreadablePage(f"left out, it is no OpenAPI description ({type(error).__name__}: {error})") from error


def _yaml(text: str) -> Any:
    # a tenth of a second that a server without OpenAPI files need not spend before it answers
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ValueError(str(error)) from error


def _entries(data: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    info = _mapping(data.get("info"))
    title = _text(info.get("title")) or "API"
    yield title, _text(info.get("description")) or f"{title} {_text(info.get('version'))}".strip(), ()
    for path, item in list(_mapping(data.get("paths")).items())[:MAX_ENTRIES]:
        for method in METHODS:
            operation = _mapping(_mapping(item).get(method))
            if operation:
                name = _text(operation.get("operationId"))
                shared = _sequence(_mapping(item).get("parameters"))
                yield (
                    f"{method.upper()} {path}",
                    _operation(method, str(path), operation, shared),
                    (name,) if name else (),
                )
    schemas = _mapping(_mapping(data.get("components")).get("schemas")) or _mapping(data.get("definitions"))
    for name, schema in list(schemas.items())[:MAX_ENTRIES]:
        yield str(name), _schema(str(name), _mapping(schema)), (str(name),)


def _operation(method: str, path: str, operation: dict[str, Any], shared: list[Any]) -> str:
    lines = [
        f"`{method.upper()} {path}`",
        "",
        _text(operation.get("summary")),
        "",
        _text(operation.get("description")),
    ]
    parameters = [_mapping(one) for one in [*shared, *_sequence(operation.get("parameters"))]][:MAX_FIELDS]
    if parameters:
        lines += ["", "Parameters:"]
    for one in parameters:
        if "$ref" in one:
            lines.append(f"- {_reference(one['$ref'])}")
            continue
        kind = _type(one.get("schema") or one) + (", required" if one.get("required") else "")
        lines.append(f"- {_text(one.get('name'))} (in {_text(one.get('in'))}, {kind}): {_text(one.get('description'))}")
    body = _mapping(operation.get("requestBody"))
    for media, content in _mapping(body.get("content")).items():
        lines += ["", f"Body: {media}, {_type(_mapping(content).get('schema'))}"]
    responses = _mapping(operation.get("responses"))
    if responses:
        lines += ["", "Responses:"]
    lines += [f"- {status}: {_text(_mapping(one).get('description'))}" for status, one in responses.items()]
    return "\n".join(lines)


def _schema(name: str, schema: dict[str, Any]) -> str:
    lines = [f"Schema `{name}`: {_type(schema)}", "", _text(schema.get("description"))]
    required = _sequence(schema.get("required"))
    for field, value in list(_mapping(schema.get("properties")).items())[:MAX_FIELDS]:
        needed = ", required" if field in required else ""
        lines.append(f"- {field} ({_type(value)}{needed}): {_text(_mapping(value).get('description'))}")
    if choices := _sequence(schema.get("enum"))[:MAX_FIELDS]:
        lines.append("One of: " + ", ".join(map(_text, choices)))
    return "\n".join(lines)


def _type(schema: Any, depth: int = 0) -> str:
    described = _mapping(schema)
    if "$ref" in described:
        return _reference(described["$ref"])
    if depth < MAX_DEPTH:
        for union in ("oneOf", "anyOf", "allOf"):
            if isinstance(described.get(union), list):
                return " | ".join(_type(one, depth + 1) for one in described[union][:6])
        if described.get("type") == "array":
            return f"array of {_type(described.get('items'), depth + 1)}"
    kind = described.get("type")
    kinds = " | ".join(map(_text, kind)) if isinstance(kind, list) else _text(kind)  # 3.1 has lists
    return _text(described.get("format")) or kinds or "any"


def _reference(target: Any) -> str:
    return _text(target).rpartition("/")[2]


def _text(value: Any) -> str:
    """Return a scalar as text; of anything else nothing, since aliases can make it larger than any memory."""
    return str(value)[:MAX_TEXT] if isinstance(value, str | int | float) else ""


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _chunks(title: str, body: str, names: tuple[str, ...], page: str) -> Iterator[Chunk]:
    title = one_line(title)
    for index, piece in enumerate(split(visible(body))):
        yield Chunk(
            kind="prose",
            title=title,
            text=piece,
            source=page,
            page=f"{page}#{title}",
            parent=title,
            names=names if index == 0 else (),
            flag=suspicion(f"{title}\n{piece}"),
        )
