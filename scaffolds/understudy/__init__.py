"""Scaffolds that help a small local model: composable, budgeted, traced.

    answer = await solve(Retry(Direct(), tries=5), problem, models={"local": "ollama:qwen3:4b"},
                         servers={"testing": "understudy serve testing"}, budget=Budget(usd=0.05))

Names are loaded when they are first used, so that `import understudy` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.answer import Answer, Failure, Verdict
    from understudy.budget import Budget, TokenPrice
    from understudy.context import Context
    from understudy.direct import Direct
    from understudy.errors import UnderstudyError
    from understudy.escalate import Escalate
    from understudy.model import Completion, Model, Request, Sampling, Usage
    from understudy.on import On
    from understudy.problem import Form, Message, Options, Problem, Reply, Tests, Tool, ToolCall
    from understudy.retry import Retry
    from understudy.scaffold import Scaffold
    from understudy.solving import solve
    from understudy.spelling import fingerprint, parse
    from understudy.trace import Trace
    from understudy.vote import Vote

_HOMES = {
    "answer": ("Answer", "Failure", "Verdict"),
    "budget": ("Budget", "TokenPrice"),
    "context": ("Context",),
    "direct": ("Direct",),
    "errors": ("UnderstudyError",),
    "escalate": ("Escalate",),
    "model": ("Completion", "Model", "Request", "Sampling", "Usage"),
    "on": ("On",),
    "problem": ("Form", "Message", "Options", "Problem", "Reply", "Tests", "Tool", "ToolCall"),
    "retry": ("Retry",),
    "scaffold": ("Scaffold",),
    "solving": ("solve",),
    "spelling": ("fingerprint", "parse"),
    "trace": ("Trace",),
    "vote": ("Vote",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Answer",
    "Budget",
    "Completion",
    "Context",
    "Direct",
    "Escalate",
    "Failure",
    "Form",
    "Message",
    "Model",
    "On",
    "Options",
    "Problem",
    "Reply",
    "Request",
    "Retry",
    "Sampling",
    "Scaffold",
    "Tests",
    "TokenPrice",
    "Tool",
    "ToolCall",
    "Trace",
    "UnderstudyError",
    "Usage",
    "Verdict",
    "Vote",
    "fingerprint",
    "parse",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
