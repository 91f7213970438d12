"""The toolkit's errors.

UnderstudyError
├── ModelError(model)              no completion exists
│   ├── ModelUnavailable(reason)   refused, timed out, 5xx, rate limited (retry_after); another try may help
│   ├── ModelRejected(status)      the request itself is wrong; another try cannot help
│   └── WindowExceeded             the prompt does not fit the model's window
├── MissingCheck                   a scaffold that needs a check was given a problem without one
├── MissingExtra                   a library is not installed that an extra would bring
├── MissingRole                    a scaffold uses a role that no model is bound to
├── BudgetExceeded(kind, cap)      the next call could cross a cap, so it was not made
├── Unpriced(model)                a cap in money cannot be kept for a model of unknown price
├── ServerError(server)            a tool server failed: neither a verdict nor a try
│   └── ServerLost                 the connection ended during a call; the next call finds it made again
├── SpellingError(text)            a scaffold's spelling does not parse
└── SpecError(spec)                a model's spec does not parse, or what it names is not there
    └── MissingKey                 the provider needs a key and the environment holds none
"""

from typing import Literal

Unavailable = Literal["refused", "timeout", "disconnected", "rate_limited", "loading", "server_error"]


class UnderstudyError(Exception):
    """Root of everything the toolkit raises on purpose."""


class ModelError(UnderstudyError):
    """A call failed and no completion exists."""

    def __init__(self, message: str, *, model: str = "") -> None:
        super().__init__(message)
        self.model = model


class ModelUnavailable(ModelError):
    """The model cannot be reached or is overloaded; another try may help.

    `billed` says that the call may have cost something: the request was sent, and its answer was lost on the way.
    """

    def __init__(
        self,
        message: str,
        *,
        model: str = "",
        retry_after_s: float | None = None,
        reason: Unavailable = "server_error",
        billed: bool = False,
    ) -> None:
        super().__init__(message, model=model)
        self.retry_after_s, self.reason, self.billed = retry_after_s, reason, billed


class ModelRejected(ModelError):
    """The request itself is wrong; another try cannot help."""

    def __init__(self, message: str, *, model: str = "", status: int | None = None) -> None:
        super().__init__(message, model=model)
        self.status = status


class WindowExceeded(ModelRejected):
    """The prompt does not fit the model's window."""


class MissingCheck(UnderstudyError):
    """A scaffold that needs a check was given a problem without one."""

    def __init__(self, scaffold: str, instead: str = "") -> None:
        super().__init__(
            f"{scaffold} needs a check and the problem has none. Give the problem `check=Tests(...)` or `check=Form()`"
            f"{instead}."
        )
        self.scaffold, self.instead = scaffold, instead

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.scaffold, self.instead)


class MissingExtra(UnderstudyError):
    """A library is not installed that an extra of the distribution would bring."""

    def __init__(self, what: str, needs: str, extra: str) -> None:
        super().__init__(f"{what} needs {needs}. Run: pip install 'understudy[{extra}]'")
        self.what, self.needs, self.extra = what, needs, extra

    def __reduce__(self) -> tuple[object, ...]:
        return MissingExtra, (self.what, self.needs, self.extra)


class MissingRole(UnderstudyError):
    """A scaffold uses a role that no model is bound to."""

    def __init__(self, role: str, bound: tuple[str, ...]) -> None:
        known = ", ".join(map(repr, bound)) or "none"
        super().__init__(f"No model is bound to the role {role!r} (bound: {known}). Add it to `models`.")
        self.role, self.bound = role, bound


class BudgetExceeded(UnderstudyError):
    """The next call could cross a cap, so it was not made."""

    def __init__(self, *, kind: str, spent: float, reserved: float, asked: float, cap: float) -> None:
        super().__init__(
            f"The budget of {cap:g} {kind} has {max(cap - spent - reserved, 0):g} left and the next call may need "
            f"{asked:g}. Raise the cap, or lower max_tokens."
        )
        self.kind, self.spent, self.reserved, self.asked, self.cap = kind, spent, reserved, asked, cap

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_budget_exceeded, (self.kind, self.spent, self.reserved, self.asked, self.cap)


def _rebuild_budget_exceeded(kind: str, spent: float, reserved: float, asked: float, cap: float) -> BudgetExceeded:
    return BudgetExceeded(kind=kind, spent=spent, reserved=reserved, asked=asked, cap=cap)


class Unpriced(UnderstudyError):
    """A cap in money cannot be kept for a model whose price is unknown."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The price of {model!r} is unknown, so a budget in money cannot be kept. Give its price, or cap tokens or "
            "calls instead."
        )
        self.model = model


class ServerError(UnderstudyError):
    """A tool server failed. This is neither a verdict about an answer nor a try."""

    def __init__(self, message: str, *, server: str = "") -> None:
        super().__init__(message)
        self.server = server


class ServerLost(ServerError):
    """The connection ended during a call. The next one finds it made again; whether this one took effect is unknown."""


class SpellingError(UnderstudyError):
    """The spelling of a scaffold does not parse."""


class SpecError(UnderstudyError):
    """The spec of a model does not parse, or what it names is not there."""


class MissingKey(SpecError):
    """The provider needs a key and the environment holds none."""
