"""A model's spec, taken apart: `[batch:]SCHEME:MODEL[?SETTING=VALUE&…]` or `http://HOST/v1#MODEL[?…]`."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from understudy.errors import SpecError
from understudy.models.providers import PROVIDERS

BATCH = "batch:"
OWN_SCHEMES = ("gguf", "fixture", "replay")
EXAMPLES = "ollama:qwen3:4b, gguf:model.gguf, anthropic:claude-haiku-5-5, http://127.0.0.1:8080/v1#name"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The parts of a spec."""

    text: str
    """As it is shown and stored: without userinfo."""
    scheme: str
    """A provider's name, "http", "gguf", "fixture" or "replay"."""
    rest: str
    """Behind the scheme, without settings; for "http" the whole address with its fragment."""
    model: str
    base_url: str | None = None
    batch: bool = False
    settings: dict[str, Any] = field(default_factory=dict, hash=False)
    """Fields that every request carries."""


def parse_spec(text: str) -> Spec:
    """Take a spec apart.

    Raises:
        SpecError: It does not parse, or names an unknown scheme.
    """
    text = text.strip()
    batch = text.startswith(BATCH)
    body = text.removeprefix(BATCH)
    if body.startswith(("http://", "https://")):
        return _address(body, batch)
    scheme, colon, rest = body.partition(":")
    if not colon or not rest or (scheme not in PROVIDERS and scheme not in OWN_SCHEMES):
        known = ", ".join(sorted({*PROVIDERS, *OWN_SCHEMES}))
        raise SpecError(f"{text!r} names no model. Write SCHEME:MODEL with one of {known}; for example {EXAMPLES}.")
    settings: dict[str, Any] = {}
    if scheme in PROVIDERS:
        rest, settings = _settings(rest, text)
    return Spec(text=text, scheme=scheme, rest=rest, model=rest, batch=batch, settings=settings)


def _address(body: str, batch: bool) -> Spec:
    address, _, fragment = body.partition("#")
    model, settings = _settings(fragment, body)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise SpecError(f"{address!r} is not an address ({error}). Write http://HOST:PORT/v1#MODEL.") from None
    if not parts.hostname or port == 0:
        raise SpecError(f"{address!r} names no host. Write http://HOST:PORT/v1#MODEL.")
    shown = address.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1) if "@" in parts.netloc else address
    shown += f"#{fragment}" if fragment else ""
    rest = shown.partition("?")[0] if settings else shown
    text = (BATCH if batch else "") + shown
    return Spec(text=text, scheme="http", rest=rest, model=model, base_url=address, batch=batch, settings=settings)


def _settings(rest: str, text: str) -> tuple[str, dict[str, Any]]:
    model, mark, query = rest.partition("?")
    if not mark:
        return model, {}
    try:
        pairs = parse_qsl(query, strict_parsing=True)
    except ValueError:
        raise SpecError(f"{text!r}: {query!r} is not SETTING=VALUE&…, such as ?reasoning_effort=low.") from None
    bad = [name for name, _ in pairs if not re.fullmatch(r"[a-z_][a-z0-9_.]*", name) or name in _FIXED]
    if bad:
        raise SpecError(f"{text!r}: {bad[0]!r} cannot be set in a spec; scaffolds and problems decide it.")
    return model, {name: _value(value) for name, value in pairs}


_FIXED = {"messages", "model", "stream", "tools", "temperature", "top_p", "seed", "max_tokens", "stop", "n"}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
