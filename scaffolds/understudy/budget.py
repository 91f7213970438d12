"""Caps that hold at any nesting and concurrency, because every call is reserved before it is made.

A reservation is the most that a call may cost: every byte of the request counted as a token, an allowance for the chat
template, and `max_tokens` of output. Settling replaces it by what the call did cost; a lost response settles at its
reservation, since it may have been billed.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from understudy.errors import BudgetExceeded, Unpriced
from understudy.model import Request, Usage
from understudy.problem import Message, Tool

TEMPLATE_TOKENS_PER_MESSAGE = 16  # role markers and separators of every chat template measured stay below this
TEMPLATE_TOKENS = 64  # the fixed preamble, and the tool preamble of Hermes-like templates


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Caps on what one problem may spend; None is no cap."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for kind in ("usd", "tokens", "calls", "seconds"):
            cap = getattr(self, kind)
            if cap is not None and not cap >= 0:
                raise ValueError(f"A budget of {cap!r} {kind} is negative; use 0 or more, or None for no cap.")


@dataclass(frozen=True, kw_only=True)
class TokenPrice:
    """US dollars per million tokens."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float | None = None
    """None: as `input`."""
    cache_write: float | None = None
    tiers: tuple[tuple[int, "TokenPrice"], ...] = ()
    """Long prompts can cost more: (threshold, price), ascending. A prompt of more input tokens than the threshold pays
    that price for all of its tokens, output included."""

    def at(self, input_tokens: int) -> "TokenPrice":
        """The price that a prompt of this size pays."""
        return next((price for over, price in reversed(self.tiers) if input_tokens > over), self)

    def cost(self, usage: Usage) -> float | None:
        """Price `usage` in US dollars; None when the server did not report its tokens."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        paid = self.at(usage.input_tokens)
        read = paid.input if paid.cache_read is None else paid.cache_read
        write = paid.input if paid.cache_write is None else paid.cache_write
        plain = max(usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens, 0)
        total = plain * paid.input + usage.cache_read_tokens * read + usage.cache_write_tokens * write
        return (total + usage.output_tokens * paid.output) / 1e6

    def most(self, input_tokens: int, output_tokens: int) -> float:
        """The most that a call of at most this size may cost, in US dollars, whichever tier it falls into."""
        reachable = [self, *(price for over, price in self.tiers if input_tokens > over)]
        return (
            max(
                input_tokens * max(price.input, price.cache_read or 0.0, price.cache_write or 0.0)
                + output_tokens * price.output
                for price in reachable
            )
            / 1e6
        )


def most_tokens(request: Request) -> tuple[int, int]:
    """Bound a request's input and output tokens from above: no byte-level tokenizer makes more tokens than bytes."""
    written = sum(_message_bytes(message) for message in request.messages)
    written += sum(_tool_bytes(tool) for tool in request.tools)
    if request.options.response_format:
        written += len(json.dumps(request.options.response_format, ensure_ascii=False).encode())
    return written + TEMPLATE_TOKENS, request.options.max_tokens


def _message_bytes(message: Message) -> int:
    written = len(message.content.encode(errors="surrogatepass")) + TEMPLATE_TOKENS_PER_MESSAGE
    if message.tool_call_id:
        written += len(message.tool_call_id.encode(errors="surrogatepass")) + TEMPLATE_TOKENS_PER_MESSAGE
    for call in message.tool_calls:  # a template may write arguments as a JSON string, in which quotes cost a byte more
        written += len(json.dumps([call.name, call.arguments, call.id]).encode()) + TEMPLATE_TOKENS_PER_MESSAGE
    return written


def _tool_bytes(tool: Tool) -> int:
    # Indented, as the widest template writes it.
    schema = json.dumps(tool.parameters, indent=4, ensure_ascii=False)
    return len(f"{tool.name}{tool.description}{schema}".encode(errors="surrogatepass")) + TEMPLATE_TOKENS_PER_MESSAGE


@dataclass(kw_only=True, eq=False)
class Reservation:
    """A call that was allowed and has not been settled."""

    tokens: int
    usd: float


class Meter:
    """What was spent under one budget. Shared by every scaffold that works on the same problem."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget
        self.usd = 0.0
        self.tokens = 0
        self.calls = 0
        self.unpriced_calls = 0
        self._clock = clock
        self._started = clock()
        self._open: set[int] = set()
        self._reserved_usd = 0.0
        self._reserved_tokens = 0

    @property
    def seconds(self) -> float:
        """Wall time since the meter was made."""
        return self._clock() - self._started

    @property
    def seconds_left(self) -> float | None:
        """Wall time before the cap in seconds is reached; None where there is no cap."""
        return None if self.budget.seconds is None else max(self.budget.seconds - self.seconds, 0.0)

    def check_time(self) -> None:
        """Refuse to go on when the time is up.

        Raises:
            BudgetExceeded: The cap in seconds is reached.
        """
        if self.budget.seconds is not None and self.seconds >= self.budget.seconds:
            raise BudgetExceeded(kind="seconds", spent=self.seconds, reserved=0, asked=0, cap=self.budget.seconds)

    @property
    def open_reservations(self) -> int:
        """Calls in flight."""
        return len(self._open)

    def reserve(self, request: Request, price: TokenPrice | None, *, model: str) -> Reservation:
        """Allow a call, or refuse it before it is made.

        Raises:
            BudgetExceeded: The call could cross a cap.
            Unpriced: There is a cap in money and the model's price is unknown.
        """
        input_tokens, output_tokens = most_tokens(request)
        if self.budget.usd is not None and price is None:
            raise Unpriced(model)
        tokens = input_tokens + output_tokens
        usd = price.most(input_tokens, output_tokens) if price else 0.0
        self.check_time()
        self._fits("calls", self.calls, len(self._open), 1, self.budget.calls)
        self._fits("tokens", self.tokens, self._reserved_tokens, tokens, self.budget.tokens)
        self._fits("usd", self.usd, self._reserved_usd, usd, self.budget.usd)
        reservation = Reservation(tokens=tokens, usd=usd)
        self._open.add(id(reservation))
        self._reserved_tokens += tokens
        self._reserved_usd += usd
        return reservation

    def settle(self, reservation: Reservation, usage: Usage | None, usd: float | None) -> None:
        """Replace a reservation by what the call did cost; unknown parts settle at the reservation."""
        self._close(reservation)
        known = usage is not None and usage.input_tokens is not None and usage.output_tokens is not None
        if known:
            assert usage is not None
            self.tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
        else:
            self.tokens += reservation.tokens
        if usd is None:
            self.unpriced_calls += 1
        self.usd += reservation.usd if usd is None else usd
        self.calls += 1

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back: the call was refused before it could cost anything, or was answered from a cache."""
        self._close(reservation)

    def _close(self, reservation: Reservation) -> None:
        if id(reservation) not in self._open:
            raise ValueError("This reservation is settled already; each call settles once.")
        self._open.discard(id(reservation))
        self._reserved_tokens -= reservation.tokens
        self._reserved_usd -= reservation.usd
        if not self._open:  # no drift from adding and taking away floats
            self._reserved_usd, self._reserved_tokens = 0.0, 0

    def _fits(self, kind: str, spent: float, reserved: float, asked: float, cap: float | None) -> None:
        if cap is not None and spent + reserved + asked > cap:
            raise BudgetExceeded(kind=kind, spent=spent, reserved=reserved, asked=asked, cap=cap)
