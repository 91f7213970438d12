"""The seam between scaffolds and models: a request goes in, a completion comes out."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from understudy.problem import Message, Options, Tool, ToolCall

FinishReason = Literal["stop", "length", "tool_calls", "filtered", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a completion is drawn. Temperature 0 is greedy."""

    temperature: float = 0.0
    top_p: float | None = None
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call of a model."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    options: Options = Options()
    sampling: Sampling = Sampling()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call as the server reported them; None where it did not say.

    `input_tokens` includes tokens read from and written to a prompt cache (OpenAI's convention; Anthropic's reports are
    converted), `output_tokens` includes reasoning.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What a model answered."""

    text: str = ""
    reasoning: str = ""
    """Thinking that the server kept apart from the text; never part of an answer."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: FinishReason = "stop"
    usage: Usage = Usage()
    model: str = ""
    """The model's name as the server reported it."""
    truncated: bool = False
    """The server cut the prompt to fit its window, so this is no answer to what was asked."""
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What else the server said and provenance needs: digest, sampling as used, window, timings. JSON only."""


@runtime_checkable
class Model(Protocol):
    """Anything that turns a request into a completion."""

    @property
    def name(self) -> str:
        """The model's spec, such as `ollama:qwen3:4b`; prices and provenance are looked up by it."""

    async def generate(self, request: Request) -> Completion:
        """Draw one completion.

        Raises:
            ModelError: No completion exists; its subclass says whether another try may help.
        """


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What a stream brought since the last one."""

    text: str = ""
    reasoning: str = ""


@runtime_checkable
class Streaming(Protocol):
    """A model that can also show its answer while it is being written."""

    def stream(self, request: Request) -> AsyncIterator[Delta | Completion]:
        """Yield deltas, and at last the whole completion."""
