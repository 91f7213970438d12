"""How much a server reads: what its probe says, and whether it cut a prompt without a word.

Ollama and LM Studio cut a prompt that is longer than the window and answer 200. Such an answer is no answer to what was
asked, and a baseline measured on it makes every scaffold that saves context look brilliant; so every completion is
checked, and a doubt counts as a cut.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from understudy.budget import TEMPLATE_TOKENS, TEMPLATE_TOKENS_PER_MESSAGE
from understudy.model import Request, Usage
from understudy.models.providers import Probe
from understudy.models.wire import Endpoint

SHORTFALL = 0.6
"""Fewer reported prompt tokens than this share of the estimate mean that something was left out."""

_WIDE = re.compile(r"[\u0e00-\u0e7f\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_WORDS = re.compile(r"[A-Za-z]+|\d|[^\sA-Za-z\d]")


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a probe found out about a server and a model; None where it did not say."""

    server: str | None = None
    window: int | None = None
    """Tokens that the loaded model really reads, prompt and answer together."""
    slots: int | None = None
    models: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Provenance: build, digest, quantisation, template hash."""


def estimate(request: Request) -> int:
    """Estimate a prompt's tokens from below, within about 30 % for prose, code and CJK in any tokenizer in use.

    Counted are words (long ones as several tokens), symbols at half, digits at a third, and wide characters at 0.6.
    """
    parts = [message.content for message in request.messages]
    parts += [call.name + call.arguments for message in request.messages for call in message.tool_calls]
    parts += [json.dumps(asdict(tool), ensure_ascii=False) for tool in request.tools]
    return round(sum(map(_tokens, parts))) + len(request.messages)


def _tokens(text: str) -> float:
    wide = len(_WIDE.findall(text))
    total = 0.6 * wide
    for piece in _WORDS.findall(_WIDE.sub("", text)):
        if piece[0].isascii() and piece[0].isalpha():
            total += max(1.0, len(piece) / 6)
        else:
            total += 0.34 if piece.isdigit() else 0.5
    return total


def most(request: Request) -> int:
    """Bound a prompt's tokens from above: no byte-level tokenizer makes more tokens than bytes."""
    written = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
    written += sum(
        len((c.name + c.arguments).encode("utf-8", "replace")) for m in request.messages for c in m.tool_calls
    )
    written += sum(
        len(json.dumps(asdict(tool), ensure_ascii=False).encode("utf-8", "replace")) for tool in request.tools
    )
    return written + TEMPLATE_TOKENS + TEMPLATE_TOKENS_PER_MESSAGE * len(request.messages)


def was_cut(request: Request, usage: Usage, window: int | None) -> bool:
    """Whether the server left out a part of the prompt.

    Sure cases need no estimate: a prompt whose bytes fit the window was read whole, and prompt and answer that fill the
    window to the last token were cut. Between them the reported count decides, and where the server reports none, the
    estimate against the window.
    """
    if window is not None and most(request) <= window:
        return False
    expected, given = estimate(request), usage.input_tokens
    if given is None:
        return window is not None and expected > window
    if given < SHORTFALL * expected:
        return True
    if window is None:
        return False
    return given + (usage.output_tokens or 0) >= window or expected > window


async def probe(endpoint: Endpoint, kind: Probe, model: str) -> Capabilities:
    """Ask a server what it is and what it loaded. A server that does not say leaves fields None; nothing is raised."""
    listed = await endpoint.get("models")
    rows = [row for row in (listed or {}).get("data", ()) if isinstance(row, dict)] if isinstance(listed, dict) else []
    models = tuple(str(row.get("id", "")) for row in rows)
    if kind == "any":
        kind = _recognised(rows, listed)
    finder = _FINDERS.get(kind)
    found = await finder(endpoint, model, rows) if finder else Capabilities()
    return Capabilities(
        server=kind if kind != "any" else None, window=found.window, slots=found.slots, models=models, facts=found.facts
    )


def _recognised(rows: list[dict[str, Any]], listed: Any) -> Probe:
    owners: dict[str, Probe] = {
        "llamacpp": "llama.cpp",
        "vllm": "vllm",
        "library": "ollama",
        "organization_owner": "lmstudio",
    }
    for row in rows:
        if row.get("owned_by") in owners:
            return owners[row["owned_by"]]
    return "any"


async def _llama_cpp(endpoint: Endpoint, model: str, rows: list[dict[str, Any]]) -> Capabilities:
    props = await endpoint.get("/props")
    if not isinstance(props, dict):
        return Capabilities()
    settings = props.get("default_generation_settings")
    window = settings.get("n_ctx") if isinstance(settings, dict) else None
    facts = {key: props[key] for key in ("build_info", "model_path", "modalities") if key in props}
    if isinstance(facts.get("model_path"), str):
        facts["model_path"] = facts["model_path"].rpartition("/")[2]  # where a person keeps files is nobody's business
    return Capabilities(window=_positive(window), slots=_positive(props.get("total_slots")), facts=facts)


async def _ollama(endpoint: Endpoint, model: str, rows: list[dict[str, Any]]) -> Capabilities:
    facts: dict[str, Any] = {}
    shown = await endpoint.ask("/api/show", {"model": model})
    if isinstance(shown, dict):
        details = shown.get("details")
        facts["details"] = details if isinstance(details, dict) else {}
        facts["capabilities"] = shown.get("capabilities", [])
    running = await endpoint.get("/api/ps")
    window = None
    for row in running.get("models", ()) if isinstance(running, dict) else ():
        if isinstance(row, dict) and model in (
            row.get("name"),
            row.get("model"),
            str(row.get("name")).removesuffix(":latest"),
        ):
            window = _positive(row.get("context_length"))
            facts["digest"] = row.get("digest")
    return Capabilities(window=window, facts=facts)


async def _lmstudio(endpoint: Endpoint, model: str, rows: list[dict[str, Any]]) -> Capabilities:
    listed = await endpoint.get("/api/v0/models")
    for row in listed.get("data", ()) if isinstance(listed, dict) else ():
        if isinstance(row, dict) and row.get("id") == model:
            facts = {key: row[key] for key in ("quantization", "arch", "compatibility_type") if key in row}
            return Capabilities(window=_positive(row.get("loaded_context_length")), facts=facts)
    return Capabilities()


async def _vllm(endpoint: Endpoint, model: str, rows: list[dict[str, Any]]) -> Capabilities:
    version = await endpoint.get("/version")
    facts = {"version": version.get("version")} if isinstance(version, dict) else {}
    window = next((row.get("max_model_len") for row in rows if row.get("id") == model), None)
    return Capabilities(window=_positive(window), facts=facts)


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_FINDERS: Mapping[str, Any] = {"llama.cpp": _llama_cpp, "ollama": _ollama, "lmstudio": _lmstudio, "vllm": _vllm}
