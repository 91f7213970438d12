"""Answer a question about a text that is too long: read it in parts, then answer from the notes.

The jobs are JSON and nothing that a model writes is executed. After MinionS, Narayan et al. 2025
(https://arxiv.org/abs/2502.15964), in which the large model writes the jobs; here the question itself is the job.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, replace
from functools import partial

from understudy.answer import Answer
from understudy.context import Context
from understudy.direct import Direct
from understudy.errors import BudgetExceeded
from understudy.problem import Message, Problem
from understudy.prompts.roles import from_notes, notes_in, read_part, shortened, side_question
from understudy.scaffold import Scaffold, scaffold
from understudy.together import draw_together

QUESTION = 1_500  # characters that a first or last paragraph may have to count as the question
MOST_ROUNDS = 4  # of reading notes again that are still too long


@scaffold
class MapReduce:
    """`read` takes notes on parts of `part` characters, at once; `answer` answers from the notes.

    The longest message is the text; its first and last paragraphs, where short, and the other messages are the
    question. A text of at most `part` characters goes to `answer` as it is. Parts that cannot be read as the JSON that
    was asked for are kept as they were written.
    """

    read: Scaffold = Direct()
    answer: Scaffold = Direct()
    _: KW_ONLY
    part: int = 12_000
    overlap: int = 400

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.part:
            raise ValueError(f"MapReduce needs an overlap from 0 to below part={self.part!r}, not {self.overlap!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        document = max(range(len(problem.messages)), key=lambda index: len(problem.messages[index].content))
        whole = problem.messages[document].content
        if len(whole) <= self.part:
            return await self.answer(problem, context.at("answer"))
        question, text = split_question(whole)
        about = "\n".join(filter(None, [question, *_others(problem.messages, document)]))
        notes, stopped = [text], None
        for index in range(MOST_ROUNDS):
            notes, stopped = await self._read(problem, context.at(f"read/{index}"), about, "\n\n".join(notes))
            if stopped or sum(map(len, notes)) <= self.part:
                break
        asked = replace(problem, messages=from_notes(problem.messages, document, question, notes))
        try:
            final = await self.answer(asked, context.at("answer"))
        except BudgetExceeded:
            return Answer(text="\n\n".join(notes), stopped="budget", complete=False)
        return replace(final, stopped=final.stopped or stopped)

    async def _read(self, problem: Problem, context: Context, about: str, text: str) -> tuple[list[str], str | None]:
        parts = parts_of(text, self.part, self.overlap)
        draws = []
        for index, part in enumerate(parts):
            messages = read_part(shortened(about), part, index + 1, len(parts))
            draws.append(partial(self.read, side_question(problem, messages), context.at(index)))
        answers, refused = await draw_together(draws)
        kept = (notes_in(answer.text) for answer in answers)
        notes = [answer.text if note is None else note for answer, note in zip(answers, kept, strict=True)]
        return [note for note in notes if note.strip()], "budget" if refused else None


def split_question(text: str) -> tuple[str, str]:
    """Split a long message into what is asked (its short first and last paragraphs) and the text itself."""
    first, gap, rest = text.partition("\n\n")
    if not gap or len(first) > QUESTION:
        first, rest = "", text
    body, gap, last = rest.rstrip().rpartition("\n\n")
    if not gap or len(last) > QUESTION:
        body, last = rest, ""
    return "\n\n".join(filter(None, [first.strip(), last.strip()])), body


def parts_of(text: str, size: int, overlap: int) -> Sequence[str]:
    """Cut a text into parts of at most `size` characters, at line ends where possible; each repeats the last
    `overlap`."""
    parts, start = [], 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            line = text.rfind("\n", start + size // 2, end)
            end = line + 1 if line > 0 else end
        parts.append(text[start:end])
        if end == len(text):
            break
        start = max(end - overlap, start + 1)
    return parts


def _others(messages: Sequence[Message], document: int) -> list[str]:
    return [message.content for index, message in enumerate(messages) if index != document and message.content]
