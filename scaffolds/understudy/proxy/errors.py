"""What went wrong, in the form that OpenAI's clients read."""

from typing import Any

from understudy.errors import (
    BudgetExceeded,
    ModelError,
    ModelRejected,
    ModelUnavailable,
    ServerError,
    UnderstudyError,
    Unpriced,
    WindowExceeded,
)


class BadRequest(UnderstudyError):
    """The client's request cannot be served as it is."""

    def __init__(self, message: str, *, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param, self.status = param, status


def status_of(error: BaseException) -> int:
    """The HTTP status. Clients try 429 and 5xx again and give up on the rest."""
    if isinstance(error, BadRequest):
        return error.status
    if isinstance(error, BudgetExceeded | Unpriced):
        return 402  # 429 would be tried again, and no wait refills a budget
    if isinstance(error, WindowExceeded):
        return 400
    if isinstance(error, ModelUnavailable):
        return 429 if error.reason == "rate_limited" else 503
    if isinstance(error, ModelRejected | ModelError | ServerError):
        return 502
    return 400 if isinstance(error, UnderstudyError) else 500


def error_body(error: BaseException) -> dict[str, Any]:
    """The error object, without its `error` key around it."""
    expected = isinstance(error, UnderstudyError)
    message = str(error) if expected else "The proxy failed; its own log says why."
    return {
        "message": message,
        "type": _type(error),
        "param": getattr(error, "param", None),
        "code": _code(error),
    }


def _type(error: BaseException) -> str:
    status = status_of(error)
    if status == 402:
        return "insufficient_quota"
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"


def _code(error: BaseException) -> str | None:
    if isinstance(error, BudgetExceeded | Unpriced):
        return "budget_exceeded"
    if isinstance(error, WindowExceeded):
        return "context_length_exceeded"
    return None
