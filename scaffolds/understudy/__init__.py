"""Scaffolds that help a small local model: composable, budgeted, traced.

    answer = await solve(Retry(Direct(), tries=5), problem, models={"local": "ollama:qwen3:4b"},
                         servers={"testing": "understudy serve testing"}, budget=Budget(usd=0.05))

Names are loaded when they are first used, so that `import understudy` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.answer import Answer, Failure, Verdict
    from understudy.bestof import BestOf
    from understudy.budget import Budget, TokenPrice
    from understudy.context import Context
    from understudy.direct import Direct
    from understudy.docs import Docs
    from understudy.errors import UnderstudyError
    from understudy.escalate import Escalate
    from understudy.mapreduce import MapReduce
    from understudy.model import Completion, Model, Request, Sampling, Usage
    from understudy.on import On
    from understudy.plan import Plan
    from understudy.problem import Form, Message, Options, Problem, Reply, Tests, Tool, ToolCall
    from understudy.program import Program
    from understudy.reach import Reach
    from understudy.repair import Repair
    from understudy.retry import Retry
    from understudy.route import Route, When
    from understudy.scaffold import Scaffold
    from understudy.selfrefine import SelfRefine
    from understudy.solving import solve
    from understudy.spelling import fingerprint, parse
    from understudy.think import Think
    from understudy.tools import Tools
    from understudy.trace import Trace
    from understudy.vote import Vote

_HOMES = {
    "answer": ("Answer", "Failure", "Verdict"),
    "bestof": ("BestOf",),
    "budget": ("Budget", "TokenPrice"),
    "context": ("Context",),
    "direct": ("Direct",),
    "docs": ("Docs",),
    "errors": ("UnderstudyError",),
    "escalate": ("Escalate",),
    "mapreduce": ("MapReduce",),
    "model": ("Completion", "Model", "Request", "Sampling", "Usage"),
    "on": ("On",),
    "plan": ("Plan",),
    "problem": ("Form", "Message", "Options", "Problem", "Reply", "Tests", "Tool", "ToolCall"),
    "program": ("Program",),
    "reach": ("Reach",),
    "repair": ("Repair",),
    "retry": ("Retry",),
    "route": ("Route", "When"),
    "scaffold": ("Scaffold",),
    "selfrefine": ("SelfRefine",),
    "solving": ("solve",),
    "spelling": ("fingerprint", "parse"),
    "think": ("Think",),
    "tools": ("Tools",),
    "trace": ("Trace",),
    "vote": ("Vote",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Answer",
    "BestOf",
    "Budget",
    "Completion",
    "Context",
    "Direct",
    "Docs",
    "Escalate",
    "Failure",
    "Form",
    "MapReduce",
    "Message",
    "Model",
    "On",
    "Options",
    "Plan",
    "Problem",
    "Program",
    "Reach",
    "Repair",
    "Reply",
    "Request",
    "Retry",
    "Route",
    "Sampling",
    "Scaffold",
    "SelfRefine",
    "Tests",
    "Think",
    "TokenPrice",
    "Tool",
    "ToolCall",
    "Tools",
    "Trace",
    "UnderstudyError",
    "Usage",
    "Verdict",
    "Vote",
    "When",
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
