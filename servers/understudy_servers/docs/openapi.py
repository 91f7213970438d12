"""OpenAPI and Swagger descriptions as chunks: one per operation and one per named schema."""

import json
from collections.abc import Iterator
from typing import Any

from understudy_servers.docs.chunks import Chunk, split
from understudy_servers.docs.clean import suspicion, visible

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MAX_FIELDS = 60


def read_openapi(text: str, page: str) -> list[Chunk]:
    """Read an OpenAPI 3 or Swagger 2 description; any other JSON or YAML file gives nothing."""
    head = text[:20_000]
    if "openapi" not in head and "swagger" not in head:
        return []
    try:
        data = json.loads(text) if page.endswith(".json") else _yaml(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(data, dict) or not ({"openapi", "swagger"} & set(data)):
        return []
    return [chunk for title, body, names in _entries(data) for chunk in _chunks(title, body, names, page)]


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
    title = str(info.get("title") or "API")
    yield title, str(info.get("description") or f"{title} {info.get('version', '')}".strip()), ()
    for path, item in _mapping(data.get("paths")).items():
        for method in METHODS:
            operation = _mapping(_mapping(item).get(method))
            if operation:
                name = str(operation.get("operationId") or "")
                shared = _mapping(item).get("parameters") or []
                yield (
                    f"{method.upper()} {path}",
                    _operation(method, str(path), operation, shared),
                    (name,) if name else (),
                )
    schemas = _mapping(_mapping(data.get("components")).get("schemas")) or _mapping(data.get("definitions"))
    for name, schema in schemas.items():
        yield str(name), _schema(str(name), _mapping(schema)), (str(name),)


def _operation(method: str, path: str, operation: dict[str, Any], shared: list[Any]) -> str:
    lines = [
        f"`{method.upper()} {path}`",
        "",
        str(operation.get("summary") or ""),
        "",
        str(operation.get("description") or ""),
    ]
    parameters = [_mapping(one) for one in [*shared, *(operation.get("parameters") or [])]][:MAX_FIELDS]
    if parameters:
        lines += ["", "Parameters:"]
    for one in parameters:
        if "$ref" in one:
            lines.append(f"- {_reference(one['$ref'])}")
            continue
        kind = _type(one.get("schema") or one) + (", required" if one.get("required") else "")
        lines.append(f"- {one.get('name')} (in {one.get('in')}, {kind}): {one.get('description') or ''}")
    body = _mapping(operation.get("requestBody"))
    for media, content in _mapping(body.get("content")).items():
        lines += ["", f"Body: {media}, {_type(_mapping(content).get('schema'))}"]
    responses = _mapping(operation.get("responses"))
    if responses:
        lines += ["", "Responses:"]
    lines += [f"- {status}: {_mapping(one).get('description') or ''}" for status, one in responses.items()]
    return "\n".join(lines)


def _schema(name: str, schema: dict[str, Any]) -> str:
    lines = [f"Schema `{name}`: {_type(schema)}", "", str(schema.get("description") or "")]
    required = schema.get("required") or []
    for field, value in list(_mapping(schema.get("properties")).items())[:MAX_FIELDS]:
        needed = ", required" if field in required else ""
        lines.append(f"- {field} ({_type(value)}{needed}): {_mapping(value).get('description') or ''}")
    if schema.get("enum"):
        lines.append("One of: " + ", ".join(map(str, schema["enum"][:MAX_FIELDS])))
    return "\n".join(lines)


def _type(schema: Any) -> str:
    described = _mapping(schema)
    if "$ref" in described:
        return _reference(described["$ref"])
    for union in ("oneOf", "anyOf", "allOf"):
        if isinstance(described.get(union), list):
            return " | ".join(_type(one) for one in described[union][:6])
    if described.get("type") == "array":
        return f"array of {_type(described.get('items'))}"
    return str(described.get("format") or described.get("type") or "any")


def _reference(target: Any) -> str:
    return str(target).rpartition("/")[2]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _chunks(title: str, body: str, names: tuple[str, ...], page: str) -> Iterator[Chunk]:
    for index, piece in enumerate(split(visible(body))):
        yield Chunk(
            kind="prose",
            title=title,
            text=piece,
            source=page,
            page=f"{page}#{title}",
            parent=title,
            names=names if index == 0 else (),
            flag=suspicion(piece),
        )
