"""What the proxy has to send back when a scaffold has answered, whichever endpoint asked."""

from dataclasses import dataclass

from understudy.answer import Answer
from understudy.problem import ToolCall


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Tokens and money of every inner call of one request."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    calls: int = 0
    usd: float = 0.0
    unpriced: int = 0


@dataclass(frozen=True, kw_only=True)
class Done:
    """An answer with what it took."""

    answer: Answer
    counted: Counted
    id: str
    seconds: float = 0.0

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls that the client has to run."""
        return self.answer.tool_calls
