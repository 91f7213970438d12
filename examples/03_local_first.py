"""Local first, cloud when needed: the small model tries, the check decides, and a budget in dollars cannot be crossed.

Votes decide here; with a check on the problem it is Escalate(Retry(Direct()), On("cloud", Direct())).
With models of yours:  python examples/03_local_first.py ollama:qwen3:4b anthropic:claude-haiku-5-5
"""

import sys

import anyio

from understudy import Budget, Completion, Direct, Escalate, On, TokenPrice, Trace, Usage, Vote, solve
from understudy.testing import ScriptedModel

USED = Usage(input_tokens=40, output_tokens=60)
LOCAL = ScriptedModel(["7", "9", "8"], name="local")
CLOUD = ScriptedModel([Completion(text="8", usage=USED)], name="cloud")
PRICES = {"local": TokenPrice(), "cloud": TokenPrice(input=3.0, output=15.0)}

cautious = Escalate(Vote(Direct(), n=3), On("cloud", Direct()), agreement=0.6)


async def main() -> None:
    named = sys.argv[1:3]
    trace = Trace()
    answer = await solve(
        cautious,
        "How many legs does a spider have? Answer with a number.",
        models={"local": named[0], "cloud": named[1]} if len(named) == 2 else {"local": LOCAL, "cloud": CLOUD},
        budget=Budget(usd=0.05),
        price=None if len(named) == 2 else PRICES.get,
        trace=trace,
    )
    roles = [event.role for event in trace if event.kind == "generate"]
    why = next((event.detail["reason"] for event in trace if event.name == "escalate"), "the votes agree")
    print(f"{cautious!r}\ncalls: {', '.join(roles)} ({why})\nanswer: {answer.text} for ${trace.totals().usd:.5f}")


if __name__ == "__main__":
    anyio.run(main)
