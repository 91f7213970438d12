"""The frozen prompts: what they read like, what they refuse, and that no word of them has changed."""

import pytest
from inline_snapshot import snapshot

from understudy.answer import Failure
from understudy.problem import Message
from understudy.prompts import bundled, v1

ASKED = (Message(role="system", content="Be brief."), Message(role="user", content="What is 1 + 1?"))


def rendered(messages: tuple[Message, ...]) -> str:
    return "\n".join(f"[{message.role}] {message.content}" for message in messages)


def test_no_prompt_has_changed_since_the_bundled_models_were_trained() -> None:
    assert v1.builders_hash() == "550b0f7a69178f4ef99e55e67c0617e67bc4254df85d588ad15a31e8bd6ab10a"


def test_asking_directly_changes_nothing() -> None:
    assert v1.direct(ASKED) == ASKED


def test_thinking_asks_for_one_thought_per_turn_and_keeps_the_earlier_ones() -> None:
    assert rendered(v1.think(ASKED, ("Add them.",), hint="Check.")) == snapshot("""\
[system] Be brief.
[user] What is 1 + 1?

Think in steps. Reply with one short thought per turn. When you know the answer, reply `Answer: ...`.
[assistant] Add them.
[user] Next.
Hint: Check.\
""")


def test_the_prompt_for_the_next_thought_continues_the_one_before() -> None:
    shorter, longer = v1.think(ASKED, ("One.",)), v1.think(ASKED, ("One.", "Two."))
    assert longer[: len(shorter)] == shorter


def test_the_answer_is_asked_for_once_the_thoughts_are_done_or_without_any() -> None:
    assert rendered(v1.think_answer(ASKED, ("Add them.",))) == snapshot("""\
[system] Be brief.
[user] What is 1 + 1?

Think in steps. Reply with one short thought per turn. When you know the answer, reply `Answer: ...`.
[assistant] Add them.
[user] Reply with `Answer: ...` now.\
""")
    assert rendered(v1.think_answer(ASKED, ())) == snapshot("""\
[system] Be brief.
[user] What is 1 + 1?

Reply with `Answer: ...` now.\
""")


def test_documentation_stands_before_the_question() -> None:
    snippets = (v1.Snippet(title="open", library="kavolib", text="- timeout = 12\n"), v1.Snippet(text="No title."))
    assert rendered(v1.docs(ASKED, snippets)) == snapshot("""\
[system] Be brief.
[user] Documentation:
## kavolib: open
- timeout = 12

No title.

What is 1 + 1?\
""")
    assert v1.docs(ASKED, ()) == ASKED


def test_a_retry_shows_the_refused_answer_and_at_most_three_failures() -> None:
    failures = [
        Failure(call="f(1)", expected="2", actual="3"),
        Failure(call="f(0)", expected="1", error="ZeroDivisionError: division by zero"),
        Failure(error="SyntaxError: invalid syntax"),
        Failure(call="f(4)", expected="5", actual="6"),
    ]
    assert rendered(v1.retry(ASKED, failures, "def f(x): ...")) == snapshot("""\
[system] Be brief.
[user] What is 1 + 1?

This was wrong:
def f(x): ...

It failed:
- f(1) must be 2, not 3
- f(0) must be 1, but it raised ZeroDivisionError: division by zero
- SyntaxError: invalid syntax

Reply with a correct version.\
""")


def test_a_failure_with_few_fields_still_says_something() -> None:
    failures = [Failure(test="test_order"), Failure(call="f(1)", error="no output"), Failure(call="f(2)")]
    assert rendered(v1.retry(ASKED, failures)) == snapshot("""\
[system] Be brief.
[user] What is 1 + 1?

It failed:
- test_order
- f(1), but it raised no output
- f(2)

Reply with a correct version.\
""")


def test_a_huge_value_in_a_failure_is_cut() -> None:
    text = rendered(v1.retry(ASKED, [Failure(call="f(1)", expected="x" * 100_000, actual="y" * 100_000)]))
    assert len(text) < 2000


def test_the_last_user_message_is_the_question() -> None:
    history = (*ASKED, Message(role="assistant", content="2"), Message(role="user", content="And 2 + 2?"))
    assert v1.docs(history, (v1.Snippet(text="Words."),))[-1].content.endswith("And 2 + 2?")
    assert v1.docs(history, (v1.Snippet(text="Words."),))[:-1] == history[:-1]


def test_messages_without_a_question_are_refused() -> None:
    with pytest.raises(ValueError, match="no user message"):
        v1.think((Message(role="system", content="Be brief."),), ())


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param((), id="nothing"),
        pytest.param(ASKED, id="another system prompt"),
        pytest.param(
            (Message(role="user", content="Mia has 2 keys. Ben takes 1. How many keys now?"),), id="no system"
        ),
        pytest.param(
            (Message(role="system", content="Word problem. Reply."), Message(role="user", content="Write a poem.")),
            id="another question",
        ),
        pytest.param(
            (
                Message(role="system", content="Word problem. Reply."),
                Message(role="user", content="Mia has 2 keys. Ben takes 1. How many keys now?"),
                Message(role="assistant", content="1"),
            ),
            id="nothing asked at the end",
        ),
    ],
)
def test_what_no_family_asks_is_recognised_as_foreign(messages: tuple[Message, ...]) -> None:
    assert bundled.family(messages) is None
