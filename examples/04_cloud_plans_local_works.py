"""The cloud plans, the local model works, the cloud validates: two short cloud calls instead of all the work.

With models of yours:  python examples/04_cloud_plans_local_works.py ollama:qwen3:4b anthropic:claude-haiku-5-5
"""

import sys

import anyio

from understudy import Direct, On, Plan, Trace, solve
from understudy.testing import ScriptedModel

CLOUD = ScriptedModel(
    [
        "1. Count the days of each month. 2. Add them. 3. Remember that 2028 is a leap year.",
        "REJECT: February 2028 has 29 days.",
        "ACCEPT",
    ],
    name="cloud",
)
LOCAL = ScriptedModel(["31 + 28 + 31 = 90", "31 + 29 + 31 = 91"], name="local")

team = Plan(On("cloud", Direct()), Direct(), On("cloud", Direct()))


async def main() -> None:
    named = sys.argv[1:3]
    trace = Trace()
    answer = await solve(
        team,
        "How many days do the first three months of 2028 have?",
        models={"local": named[0], "cloud": named[1]} if len(named) == 2 else {"local": LOCAL, "cloud": CLOUD},
        trace=trace,
        price=lambda spec: None,
    )
    for event in trace:
        print(f"{event.path:12} {event.role:6} {event.detail['text']}")
    print(f"answer: {answer.text}")


if __name__ == "__main__":
    anyio.run(main)
