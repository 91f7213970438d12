"""Does a call's raw text of arguments fit the tool's JSON schema? The validator is jsonschema, loaded when asked."""

import json
from collections.abc import Mapping
from typing import Any

LONGEST = 200  # characters of a fault that a model gets to read


def argument_fault(arguments: str, schema: Mapping[str, Any]) -> str | None:
    """Say in a sentence why arguments are not acceptable; None when they are."""
    try:
        value = json.loads(arguments) if arguments.strip() else {}
    except ValueError as error:
        return f"the arguments are not JSON ({error})."
    if not isinstance(value, dict):
        return f"the arguments must be one JSON object, not {arguments.strip()[:40]!r}."
    return schema_fault(value, schema)


def schema_fault(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Say in a sentence where a value does not fit a schema; None when it does, or when the schema itself is broken.

    A schema that cannot be used refuses nothing: it is the client's mistake, and no answer could fit it.
    """
    if not schema:
        return None
    # jsonschema is in the tree of mcp and takes a tenth of a second to load, which only checks of calls need.
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError, best_match  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(dict(schema))
        # An empty registry: a schema may not make this machine fetch anything.
        worst = best_match(Draft202012Validator(dict(schema), registry=Registry()).iter_errors(value))
    except (SchemaError, Unresolvable, RecursionError):
        return None
    if worst is None:
        return None
    where = "/".join(map(str, worst.absolute_path))
    message = str(worst.message)[:LONGEST].rstrip(".")
    return f"{where}: {message}." if where else f"{message}."
