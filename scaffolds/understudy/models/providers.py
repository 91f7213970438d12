"""What each server and provider really does on the wire, as data; the dialects read it and know no provider by name."""

from dataclasses import dataclass, field
from typing import Any, Literal

Dialect = Literal["chat", "messages", "ollama"]
Probe = Literal["llama.cpp", "ollama", "lmstudio", "vllm", "any"]


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One way to reach models, with its quirks."""

    name: str
    base_url: str
    dialect: Dialect = "chat"
    base_variables: tuple[str, ...] = ()
    """Environment variables that move the base URL."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that hold the key, first one set wins."""
    needs_key: bool = False
    local: bool = False
    """Runs on the user's own hardware: tokens cost nothing, the probe asks for the window, proxies are bypassed."""
    priced_as: str | None = None
    """The provider's id in genai-prices."""
    probe: Probe | None = None
    concurrency: int = 16
    """Calls in flight at once where a probe does not say better."""
    silent_window: bool = False
    """Cuts a prompt that is too long and says nothing, so every completion is checked for it."""
    limit_field: str = "max_tokens"
    seed: bool = True
    greedy: Literal["zero", "smallest", "flag"] = "zero"
    """How greedy is said: temperature 0; the smallest value above it; or `do_sample` false without a temperature."""
    unsampled: tuple[str, ...] = ()
    """Regular expressions of models that refuse temperature, top_p and seed."""
    tool_choice: Literal["full", "words", "auto", "none"] = "full"
    """full: words and names; words: auto, none, required; auto: only auto; none: the field is ignored."""
    json_object: bool = True
    """Knows `response_format` "json_object"."""
    strict_history: bool = False
    """Answers with an error when the arguments of an earlier call are not a JSON object."""
    extra: dict[str, Any] = field(default_factory=dict, hash=False)
    """Fields that every request carries."""
    batch: Literal["openai", "anthropic"] | None = None
    install: str = ""
    """What to do when a model is missing, with {model}."""


_TABLE = (
    Provider(
        name="ollama",
        base_url="http://127.0.0.1:11434/v1",
        dialect="ollama",
        base_variables=("OLLAMA_HOST",),
        local=True,
        probe="ollama",
        concurrency=4,
        silent_window=True,
        tool_choice="none",
        install="Fetch it with `ollama pull {model}`.",
    ),
    Provider(
        name="lmstudio",
        base_url="http://127.0.0.1:1234/v1",
        base_variables=("LMSTUDIO_BASE_URL",),
        local=True,
        probe="lmstudio",
        concurrency=4,
        silent_window=True,  # the "context overflow" setting cuts the middle or the beginning by default
        tool_choice="words",
        json_object=False,
        install="Fetch it with `lms get {model}`.",
    ),
    Provider(
        name="vllm",
        base_url="http://127.0.0.1:8000/v1",
        base_variables=("VLLM_BASE_URL",),
        key_variables=("VLLM_API_KEY",),
        local=True,
        probe="vllm",
        concurrency=64,
        install="Serve it with `vllm serve {model}`.",
    ),
    Provider(
        name="llamacpp",
        base_url="http://127.0.0.1:8080/v1",
        base_variables=("LLAMACPP_BASE_URL",),
        key_variables=("LLAMA_API_KEY",),
        local=True,
        probe="llama.cpp",
        concurrency=1,
        strict_history=True,
        install="Serve it with `llama-server -m FILE.gguf --jinja`.",
    ),
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        base_variables=("OPENAI_BASE_URL",),
        key_variables=("OPENAI_API_KEY",),
        needs_key=True,
        priced_as="openai",
        limit_field="max_completion_tokens",
        unsampled=(r"^o\d", r"^gpt-([5-9]|\d\d)(?!.*chat)"),
        batch="openai",
    ),
    Provider(
        name="anthropic",
        base_url="https://api.anthropic.com/v1",
        dialect="messages",
        base_variables=("ANTHROPIC_BASE_URL",),
        key_variables=("ANTHROPIC_API_KEY",),
        needs_key=True,
        priced_as="anthropic",
        seed=False,
        unsampled=(r"^claude-(opus-4-[789]|(opus|sonnet|haiku|fable)-[5-9])",),
        batch="anthropic",
    ),
    Provider(
        name="deepseek",
        base_url="https://api.deepseek.com/v1",
        base_variables=("DEEPSEEK_BASE_URL",),
        key_variables=("DEEPSEEK_API_KEY",),
        needs_key=True,
        priced_as="deepseek",
        seed=False,
    ),
    Provider(
        name="zai",
        base_url="https://api.z.ai/api/paas/v4",
        base_variables=("ZAI_BASE_URL",),
        key_variables=("ZAI_API_KEY", "Z_AI_API_KEY"),
        needs_key=True,
        priced_as="zai",
        seed=False,
        greedy="flag",
        tool_choice="auto",
    ),
    Provider(
        name="minimax",
        base_url="https://api.minimax.io/v1",
        base_variables=("MINIMAX_BASE_URL",),
        key_variables=("MINIMAX_API_KEY",),
        needs_key=True,
        priced_as="minimax",
        seed=False,
        greedy="smallest",
        tool_choice="auto",
        extra={"reasoning_split": True},
    ),
    Provider(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        base_variables=("OPENROUTER_BASE_URL",),
        key_variables=("OPENROUTER_API_KEY",),
        needs_key=True,
        priced_as="openrouter",
    ),
)

PROVIDERS = {provider.name: provider for provider in _TABLE}

PLAIN = Provider(
    name="http",
    base_url="",
    key_variables=("UNDERSTUDY_MODEL_KEY",),
    probe="any",
    concurrency=8,
    silent_window=True,  # what answers there is unknown until the probe says
)
"""Any OpenAI-compatible server, named by its address."""

SMALLEST_TEMPERATURE = 0.01
