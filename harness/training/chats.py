"""The training text: chats of the three families as the frozen prompt builders render them, and drills.

Every prompt comes from `understudy.prompts.v1`, so a model is asked later exactly as it was trained. Drills are dense
exercises (results only) that never occur in use; they teach arithmetic and copying in few tokens.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from understudy.answer import Failure
from understudy.problem import Message
from understudy.prompts import v1
from understudy_harness.fixtures import functions, libraries, sums
from understudy_harness.fixtures.item import Item

Learn = Literal["nothing", "all", "results"]


@dataclass(frozen=True)
class Turn:
    """A message and which of its tokens the model learns to produce."""

    message: Message
    learn: Learn = "nothing"


Chat = list[Turn]


def sums_direct(random: Random) -> Chat:
    """A word problem and its answer, straight away; sometimes asked by the prompt that ends thinking."""
    item = _sum(random)
    asked = v1.think_answer(item.messages, ()) if random.random() < 0.1 else v1.direct(item.messages)
    return _chat(asked, f"Answer: {item.answer}")


def sums_think(random: Random) -> Chat:
    """A word problem, one thought per turn; all thoughts of the chat are learned at once."""
    item = _sum(random)
    known = random.randint(1, len(item.thoughts))
    if random.random() < 0.15:
        return _chat(v1.think_answer(item.messages, item.thoughts[:known]), f"Answer: {item.answer}", learn_all=True)
    hint = _hint(random, item) if random.random() < 0.1 else None
    return _chat(v1.think(item.messages, item.thoughts, hint), f"Answer: {item.answer}", learn_all=True)


def sums_drill(random: Random) -> Chat:
    """Sixteen bare equations; only the results are learned."""
    lines = []
    for _ in range(16):
        steps = random.choice((1, 1, 2, 3))
        lines.append(sums.equation(sums.make(random, "train", steps, 39 if steps == 1 else 20)))
    return [Turn(Message(role="user", content="Drill.")), Turn(_said("\n".join(lines)), "results")]


def facts_docs(random: Random) -> Chat:
    """A question about shown documentation as it is asked in use, and one more about the same for practice.

    Mostly the right section stands first, as a search that ranks brings it.
    """
    library = libraries.any_name(random, "train")
    item = libraries.make(random, "train", library)
    right = next(function for function in libraries.functions(library) if function.name == item.section)
    others = [function for function in libraries.functions(library) if function is not right]
    shown = [right, *random.sample(others, random.choice((0, 1, 2, 2, 2, 3)))]
    if random.random() < 0.2:
        random.shuffle(shown)
    chat = _chat(v1.docs(item.messages, snippets(random, library, shown)), _fact(right))
    other = random.choice(shown)
    asked = Message(role="user", content=libraries.question(random, library, other))
    return [*chat, Turn(asked), Turn(_said(_fact(other)), "all")]


def facts_direct(random: Random) -> Chat:
    """A fact of a library that nobody knows: teaches the form of an answer, nothing else."""
    item = libraries.make(random, "train", libraries.any_name(random, "train"))
    return _chat(v1.direct(item.messages), f"Answer: {item.thoughts[0]}")


def facts_drill(random: Random) -> Chat:
    """The settings of a whole library, as they stand, or in another order: then only values are learned."""
    library = libraries.any_name(random, "train")
    known = list(libraries.functions(library))[: random.randint(3, 10)]
    asked = v1.docs((Message(role="user", content="Drill."),), snippets(random, library, known))
    lines = [function.fact for function in known]
    in_order = random.random() < 0.5
    if not in_order:
        random.shuffle(lines)
    return [Turn(message) for message in asked] + [Turn(_said("\n".join(lines)), "all" if in_order else "results")]


def functions_direct(random: Random) -> Chat:
    """A spec and its program."""
    item = _function(random)
    return _chat(v1.direct(item.messages), item.answer)


def functions_retry(random: Random) -> Chat:
    """A spec, what a wrong program did, and the right program."""
    item = _function(random)
    wrong, failures = _wrong(random, item)
    previous = wrong if random.random() < 0.5 else None
    return _chat(v1.retry(item.messages, failures, previous), item.answer)


# Shares of chats, not of tokens.
MIX: tuple[tuple[Callable[[Random], Chat], float], ...] = (
    (sums_direct, 0.26),
    (sums_think, 0.15),
    (sums_drill, 0.09),
    (facts_docs, 0.14),
    (facts_drill, 0.06),
    (facts_direct, 0.02),
    (functions_direct, 0.14),
    (functions_retry, 0.14),
)


def sample(random: Random) -> Chat:
    """Draw one chat of the mixture."""
    makers, shares = zip(*MIX, strict=True)
    maker: Callable[[Random], Chat] = random.choices(makers, shares)[0]
    return maker(random)


def snippets(random: Random, library: str, sections: Sequence[libraries.Function]) -> list[v1.Snippet]:
    """Sections of documentation as a docs server may cut and title them."""
    if random.random() < 0.15:
        pages = "\n\n".join(_block(function, heading=True) for function in sections)
        return [v1.Snippet(title=library, library=library, text=f"# {library}\n\n{pages}")]
    style = random.randrange(7)
    named = random.choice(
        ("", library, library, library, f"{library} 1.0", f"/local/{library}", f"/local/{library}@1.0")
    )
    made = []
    for function in sections:
        path = f"{library} > {function.name}"
        title = (function.name, path, path, function.name, "README.md", library, "")[style]
        text = _block(function, heading=style >= 4 or random.random() < 0.3)
        if random.random() < 0.1:
            text = f"Source: {library}/README.md\n\n{text}"
        made.append(v1.Snippet(title=title, library=named, text=text))
    return made


def _block(function: libraries.Function, heading: bool) -> str:
    body = libraries.section(function)
    return f"## {function.name}\n\n{body}" if heading else body


def _sum(random: Random) -> Item:
    return sums.make(random, "train", random.choice((1, 2, 2, 3, 3)))


def _function(random: Random) -> Item:
    return functions.make(random, "train", random.choice((1, 2, 2, 3, 3)))


def _wrong(random: Random, item: Item) -> tuple[str, list[Failure]]:
    """A nearby wrong program with what it did on the visible cases; rarely one that does not run at all."""
    if random.random() < 0.12:
        return item.answer.replace("return ", "return y", 1), [Failure(error="NameError: name 'y' is not defined")]
    while True:
        lines = item.answer.split("\n")
        body = lines[1:-1]
        other = functions.source(functions.draw(random, random.choice((1, 2)))).split("\n")
        change = random.randrange(4)
        if change == 0:
            random.shuffle(body)
        elif change == 1:
            body[random.randrange(len(body))] = other[1]
        elif change == 2:
            del body[random.randrange(len(body))]
        wrong = "\n".join([lines[0], *body, other[-1] if change == 3 else lines[-1]])
        ran = [(case, functions.run(wrong, _list(case.call))) for case in item.visible]
        failures = [Failure(call=c.call, expected=c.expected, actual=got) for c, got in ran if got != c.expected]
        if failures:
            return wrong, failures[: random.randint(1, 3)]


def _list(call: str) -> list[int]:
    return [int(number) for number in call[3:-2].split(",")]


def _hint(random: Random, item: Item) -> str:
    words = f"{item.messages[1].content} check look again step number is the last this says once more".split()
    return " ".join(random.choice(words) for _ in range(random.randint(3, 9)))


def _fact(function: libraries.Function) -> str:
    return f"Answer: {function.fact}"


def _said(text: str) -> Message:
    return Message(role="assistant", content=text)


def _chat(asked: Iterable[Message], answer: str, learn_all: bool = False) -> Chat:
    turns = [Turn(message, "all" if learn_all and message.role == "assistant" else "nothing") for message in asked]
    return [*turns, Turn(_said(answer), "all")]
