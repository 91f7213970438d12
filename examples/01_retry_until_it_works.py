"""Retry until it works: a small model writes a function, the testing server judges, each failure feeds the next try.

Run it as it is (a scripted model stands in for a small one), or with a model of yours:

    python examples/01_retry_until_it_works.py ollama:qwen3:4b
"""

import sys

import anyio

from understudy import Direct, Message, Problem, Reply, Retry, Tests, Trace, solve
from understudy.testing import ScriptedModel

TESTS = """\
from solution import initials


def test_two_words():
    assert initials("ada lovelace") == "AL"


def test_spaces():
    assert initials("  grace  hopper ") == "GH"
"""

STAND_IN = ScriptedModel(
    [
        "```python\ndef initials(name):\n    return name[0].upper()\n```",
        "```python\ndef initials(name):\n    return ''.join(w[0] for w in name.split(' ')).upper()\n```",
        "```python\ndef initials(name):\n    return ''.join(word[0] for word in name.split()).upper()\n```",
    ]
)


async def main() -> None:
    problem = Problem(
        messages=(Message(role="user", content="Write initials(name): the upper-case initials of a name."),),
        check=Tests(files={"test_initials.py": TESTS}),
        reply=Reply(kind="code"),
    )
    trace = Trace()
    answer = await solve(
        Retry(Direct(), tries=5),
        problem,
        models={"local": sys.argv[1] if len(sys.argv) > 1 else STAND_IN},
        servers={"testing": "understudy serve testing"},
        trace=trace,
    )
    words = [event.name for event in trace if event.kind == "check"]
    print(f"{' -> '.join(words)}\n{answer.files['solution.py']}")


if __name__ == "__main__":
    anyio.run(main)
