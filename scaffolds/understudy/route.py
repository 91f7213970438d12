"""Send a problem to one scaffold or another by rules that can be read: category, size, price, and what the user
prefers.

    Route((When(On("cloud", Direct()), category="code"), When(MapReduce(), longer=20000)), Direct())

Learned routers (RouteLLM, https://arxiv.org/abs/2406.18665) need training data and are not here.
"""

from dataclasses import KW_ONLY
from typing import Literal

from understudy.answer import Answer
from understudy.budget import most_tokens
from understudy.context import Context
from understudy.model import Request
from understudy.on import On
from understudy.problem import Problem, Tests
from understudy.scaffold import Scaffold, held_by, inner_scaffolds, scaffold

Category = Literal["tools", "code", "math", "text"]


@scaffold
class When:
    """A rule: `inner`, if everything that is given here holds of the problem.

    `category` is the problem's own, or else what `category_of` says. `longer` and `shorter` count the characters of its
    messages. `most_usd` is the most that one call of the rule's dearest role may cost; a role without a price is too
    dear.
    """

    inner: Scaffold
    _: KW_ONLY
    category: str | None = None
    longer: int | None = None
    shorter: int | None = None
    most_usd: float | None = None

    def applies(self, problem: Problem, context: Context) -> bool:
        """Whether everything that is given holds."""
        if self.category is not None and self.category != (problem.category or category_of(problem)):
            return False
        size = sum(len(message.content) for message in problem.messages)
        if (self.longer is not None and size <= self.longer) or (self.shorter is not None and size >= self.shorter):
            return False
        if self.most_usd is None:
            return True
        cost = dearest_call(self.inner, problem, context)
        return cost is not None and cost <= self.most_usd

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        return await self.inner(problem, context)


@scaffold
class Route:
    """The first rule that applies answers, or else `otherwise`.

    `prefer="local"` lets only those answer that stay with the role of the caller, if there are any; `prefer="cheap"`
    the one whose single call may cost least, where unpriced is dearest.
    """

    rules: tuple[When, ...]
    otherwise: Scaffold
    _: KW_ONLY
    prefer: Literal["order", "local", "cheap"] = "order"

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        choices: list[Scaffold] = [rule.inner for rule in self.rules if rule.applies(problem, context)]
        choices.append(self.otherwise)
        chosen = choices[0]
        if self.prefer == "local":
            chosen = next((choice for choice in choices if roles_of(choice, context.role) == {context.role}), chosen)
        elif self.prefer == "cheap":
            costs = [dearest_call(choice, problem, context) for choice in choices]
            chosen = choices[min(range(len(choices)), key=lambda index: _rank(costs[index]))]
        context.note("route", to=repr(chosen), category=problem.category or category_of(problem))
        return await chosen(problem, context.at("route"))


def category_of(problem: Problem) -> Category:
    """Sort a problem by what it says of itself: tools to call, code to write, a value to find, or text."""
    if problem.tools:
        return "tools"
    if problem.reply.kind in ("code", "files") or isinstance(problem.check, Tests):
        return "code"
    return "math" if problem.reply.kind == "value" else "text"


def roles_of(value: Scaffold, role: str) -> set[str]:
    """The roles that a scaffold may call when it is called as `role`."""
    named = {held.role for held in inner_scaffolds(value) if isinstance(held, On)}
    return named | ({role} if _calls_own_role(value) else set())


def dearest_call(value: Scaffold, problem: Problem, context: Context) -> float | None:
    """The most that one call of the scaffold's dearest role may cost, in US dollars; None where a price is unknown."""
    request = Request(messages=problem.messages, tools=problem.tools, options=problem.options)
    costs = []
    for role in roles_of(value, context.role):
        model = context.models.get(role)
        price = context.price(model.name) if model else None
        if price is None:
            return None
        costs.append(price.most(*most_tokens(request)))
    return max(costs, default=None)


def _calls_own_role(value: Scaffold) -> bool:
    """Whether some part of the tree calls a model and stands under no `On`."""
    if isinstance(value, On):
        return False
    below = list(held_by(value))
    return not below or getattr(type(value), "asks_model", False) or any(map(_calls_own_role, below))


def _rank(cost: float | None) -> tuple[bool, float]:
    return cost is None, cost or 0.0
