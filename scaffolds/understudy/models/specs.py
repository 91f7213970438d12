"""From a spec such as `ollama:qwen3:4b` to a model, and several of them opened and closed together."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import MissingKey, SpecError
from understudy.model import Model
from understudy.models.naming import BATCH, Spec, parse_spec
from understudy.models.providers import PLAIN, PROVIDERS, Provider
from understudy.models.replay import Recording, Replay, which

if TYPE_CHECKING:
    from understudy.models.wire import Endpoint, Patience

DIALECTS = {
    "chat": "understudy.models.chat:ChatModel",
    "messages": "understudy.models.anthropic:MessagesModel",
    "ollama": "understudy.models.ollama:OllamaModel",
}
IN_PROCESS = {"gguf": "understudy.models.gguf", "fixture": "understudy.models.gguf"}
"""Schemes whose module makes the model itself, with `model_from_spec(spec)`; heavy, so imported when asked for."""


def model_from(
    spec: str,
    *,
    environ: Mapping[str, str] | None = None,
    endpoints: "dict[str, Endpoint] | None" = None,
    patience: "Patience | None" = None,
    concurrency: int | None = None,
) -> Model:
    """Make the model that a spec names. Nothing is sent; what is made has `aclose()`.

    Args:
        spec: See `docs/models.md`.
        environ: Where keys and base URLs are looked up; the process's environment when left out.
        endpoints: Endpoints made so far, by address, to share connections and limits; it is added to.
        patience: How long to wait for what.
        concurrency: Calls in flight at once per address.

    Raises:
        SpecError: The spec does not parse, or the file it names is not there.
        MissingKey: The provider needs a key and the environment holds none.
    """
    parsed = parse_spec(spec)
    if parsed.scheme == "replay":
        path, recorded = which(parsed.rest)
        return Replay(path, model=recorded, name=parsed.text)
    if parsed.scheme in IN_PROCESS:
        made = import_module(IN_PROCESS[parsed.scheme]).model_from_spec(parsed.text)
        assert isinstance(made, Model)
        return made
    provider = PROVIDERS.get(parsed.scheme, PLAIN)
    if parsed.batch and provider.batch is None:
        able = ", ".join(name for name, known in PROVIDERS.items() if known.batch)
        raise SpecError(f"{spec!r}: there is no batch API for it here. Those with one are {able}.")
    environ = os.environ if environ is None else environ
    endpoints = {} if endpoints is None else endpoints
    endpoint = _endpoint(parsed, provider, environ, endpoints, patience, concurrency)
    return _remote(parsed, provider, endpoint)


@asynccontextmanager
async def open_models(
    bindings: Mapping[str, str | Model], *, record: Path | None = None, batch: bool = False
) -> AsyncIterator[dict[str, Model]]:
    """Make the models of several roles, let those of one address share its limits, and close what was made here.

    Args:
        bindings: Role to spec, or to a model that stays open.
        record: Append every completion to this file.
        batch: Send calls of providers that have a batch API through it, at half price.
    """
    endpoints: dict[str, Endpoint] = {}
    models: dict[str, Model] = {}
    made: dict[str, Model] = {}
    try:
        for role, bound in bindings.items():
            if isinstance(bound, str):
                text = f"{BATCH}{bound}" if batch and _can_batch(bound) else bound
                if text not in made:
                    made[text] = model_from(text, endpoints=endpoints)
                model = made[text]
            else:
                model = bound
            models[role] = Recording(model, record) if record else model
        yield models
    finally:
        for model in made.values():
            close = getattr(model, "aclose", None)
            if close is not None:
                await close()


def _can_batch(text: str) -> bool:
    spec = parse_spec(text)
    return not spec.batch and spec.scheme in PROVIDERS and PROVIDERS[spec.scheme].batch is not None


def _endpoint(
    spec: Spec,
    provider: Provider,
    environ: Mapping[str, str],
    endpoints: "dict[str, Endpoint]",
    patience: "Patience | None",
    concurrency: int | None,
) -> "Endpoint":
    # The HTTP client is loaded when the first remote model is made, not by `import understudy`.
    from understudy.models.wire import Endpoint  # noqa: PLC0415

    base_url = spec.base_url or _base_url(provider, environ)
    if base_url in endpoints:
        return endpoints[base_url]
    key = next((environ[name] for name in provider.key_variables if environ.get(name)), None)
    if key is None and provider.needs_key:
        raise MissingKey(f"{spec.text!r} needs a key. Set {' or '.join(provider.key_variables)} in the environment.")
    if key is not None and (not key.isascii() or not key.isprintable() or " " in key):
        raise MissingKey(f"The key in {provider.key_variables[0]} has characters that cannot travel in a header.")
    endpoint = Endpoint(
        base_url,
        headers=_headers(provider, key),
        secrets=(key,) if key else (),
        concurrency=concurrency or provider.concurrency,
        patience=patience,
    )
    endpoints[base_url] = endpoint
    return endpoint


def _headers(provider: Provider, key: str | None) -> dict[str, str]:
    headers = {"user-agent": "understudy"}
    if provider.dialect == "messages":
        headers["anthropic-version"] = "2023-06-01"
        if key:
            headers["x-api-key"] = key
    elif key:
        headers["authorization"] = f"Bearer {key}"
    if provider.name == "openrouter":
        headers["x-title"] = "understudy"
    return headers


def _base_url(provider: Provider, environ: Mapping[str, str]) -> str:
    given = next((environ[name] for name in provider.base_variables if environ.get(name)), None)
    if given is None:
        return provider.base_url
    if provider.name == "ollama":
        return _ollama(given)
    if not given.startswith(("http://", "https://")):
        raise SpecError(f"{given!r} is not an address for {provider.name}. Write http://HOST:PORT/v1.")
    return given.rstrip("/")


def _ollama(given: str) -> str:
    """OLLAMA_HOST as Ollama reads it: host, host:port or an address. 0.0.0.0 is where it listens, not where it is."""
    address = given if "://" in given else f"http://{given}"
    scheme, _, host = address.rstrip("/").partition("://")
    if ":" not in host.rpartition("]")[2]:
        host += ":11434"
    return f"{scheme}://{host.replace('0.0.0.0', '127.0.0.1')}/v1"


def _remote(spec: Spec, provider: Provider, endpoint: "Endpoint") -> Model:
    module, _, dialect = DIALECTS[provider.dialect].partition(":")
    make = getattr(import_module(module), dialect)
    made = make(name=spec.text, model=spec.model, endpoint=endpoint, provider=provider, extra=spec.settings)
    if spec.batch:
        made = _batched(made, provider)
    assert isinstance(made, Model)
    return made


def _batched(made: Any, provider: Provider) -> Model:
    # Few runs are batched.
    from understudy.models.batch import BatchModel, Register, default_path  # noqa: PLC0415
    from understudy.models.batch_wire import BATCHES  # noqa: PLC0415

    assert provider.batch is not None
    return BatchModel(made, BATCHES[provider.batch], register=Register(default_path()))
