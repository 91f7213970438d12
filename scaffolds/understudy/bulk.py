"""Prompts in bulk: `understudy solve --jsonl IN OUT`. Breadth first, resumable, each answer written as soon as it is
there.

A line of IN is a text, or an object with `prompt` or `messages`, and perhaps `id`, `libraries`, `max_tokens`, `reply`
(`{"kind": "value"}` …), `tests` (path to text) and `category`. A line of OUT holds the same `id`, the answer, and what
it cost. Lines that OUT already answers are not asked again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TextIO

import anyio

from understudy.answer import Answer
from understudy.budget import Budget, Meter
from understudy.context import Cache, Context
from understudy.errors import BudgetExceeded, ModelError, ServerError, UnderstudyError
from understudy.problem import Message, Options, Problem, Reply, Tests, ToolCall
from understudy.remember import State, forget, state_home
from understudy.scaffold import Scaffold
from understudy.solving import connected, opened, packaged_price
from understudy.trace import Trace

MOST_LINE = 16 * 1024 * 1024  # characters


class BulkError(UnderstudyError):
    """The input is no file of prompts; the message names the line."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a bulk run ended."""

    answered: int
    kept: int
    """Answered by an earlier run."""
    failed: int
    stopped: bool
    """The budget ended it."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One prompt."""

    id: str
    problem: Problem


async def solve_lines(
    scaffold: Scaffold,
    source: Path,
    target: Path,
    *,
    models: Mapping[str, Any],
    servers: Mapping[str, Any],
    budget: Budget,
    seed: int,
    jobs: int,
    batch: bool,
    max_tokens: int,
    trace: Trace,
    say: Callable[[str], None],
    keep_texts: bool = False,
    state: Path | None = None,
) -> Done:
    """Answer every line of `source` that `target` does not answer yet, `jobs` at a time, within one budget for all.

    The trace gets every call; its texts, which may be many, only with `keep_texts`. Replies to lines that are not
    answered yet are kept in `state`, by default a folder named by `target`, which is emptied once all are answered.

    Raises:
        BulkError: A line of the input is broken; nothing was asked.
        Busy: Another process writes the same answers.
        UnderstudyError: A model or a server cannot be opened.
    """
    items = list(read_items(source, max_tokens))
    before = answered_ids(target)
    waiting = [item for item in items if item.id not in before]
    folder = state or default_state(target)
    with State(folder) as kept:
        if kept.replies:
            say(f"going on with {kept.replies} kept replies from {folder}")
        run = _Run(scaffold, Meter(budget), trace, seed, say, len(waiting), keep_texts, kept.cache)
        target.parent.mkdir(parents=True, exist_ok=True)
        async with opened(models, batch=batch) as ready, connected(servers) as reachable:
            with target.open("a", encoding="utf-8", errors="replace") as out:
                await run.all(waiting, jobs, ready, kept.servers(reachable), out)
        if state is None and not run.failed and not run.stopped:
            forget(folder)
    return Done(answered=run.answered, kept=len(items) - len(waiting), failed=run.failed, stopped=run.stopped)


def default_state(target: Path) -> Path:
    """A folder of the user's own, named by the file of answers."""
    return state_home() / hashlib.sha256(str(target.resolve()).encode()).hexdigest()[:16]


def read_items(source: Path, max_tokens: int) -> Iterator[Item]:
    """Read prompts.

    Raises:
        BulkError: The file cannot be read, or a line is broken or has an id that was used before.
    """
    seen: set[str] = set()
    try:
        with source.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                item = _item(line, f"line {number} of {str(source)!r}", max_tokens)
                if item.id in seen:
                    raise BulkError(f"The id {item.id!r} of line {number} of {str(source)!r} was used before.")
                seen.add(item.id)
                yield item
    except OSError as error:
        raise BulkError(f"{str(source)!r} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BulkError(f"{str(source)!r} is not UTF-8: {error.reason}.") from None


def answered_ids(target: Path) -> set[str]:
    """The ids that an earlier run has answered; failed ones and a line that was cut off do not count."""
    if not target.exists():
        return set()
    data = target.read_bytes()
    if data and not data.endswith(b"\n"):
        target.write_bytes(data[: data.rfind(b"\n") + 1])  # the end of a process in the middle of a line
    found = set()
    for line in target.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "error" not in row and row.get("stopped") != "budget":
            found.add(str(row.get("id")))
    return found


class _Run:
    def __init__(
        self,
        scaffold: Scaffold,
        meter: Meter,
        trace: Trace,
        seed: int,
        say: Callable[[str], None],
        total: int,
        keep_texts: bool,
        cache: Cache,
    ) -> None:
        self.scaffold, self.meter, self.trace, self.seed = scaffold, meter, trace, seed
        self.say, self.total, self.keep_texts, self.cache = say, total, keep_texts, cache
        self.answered = self.failed = 0
        self.stopped = False

    async def all(
        self, items: list[Item], jobs: int, models: Mapping[str, Any], servers: Mapping[str, Any], out: TextIO
    ) -> None:
        limiter = anyio.CapacityLimiter(jobs)

        async def one(item: Item) -> None:
            async with limiter:
                if self.stopped:
                    return
                trace = Trace()
                context = Context(
                    models=models,
                    servers=servers,
                    meter=self.meter,
                    trace=trace,
                    cache=self.cache,
                    price=packaged_price,
                    seed=int.from_bytes(hashlib.sha256(f"{self.seed}/{item.id}".encode()).digest()[:7], "big"),
                    path=item.id.replace("/", "_"),
                )
                row = await self.answer(item, context)
                if row is not None:
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")
                    out.flush()
                for event in trace:
                    self.trace.add(event if self.keep_texts else replace(event, detail={}))

        failure: list[Exception] = []
        async with anyio.create_task_group() as group:

            async def guarded(item: Item) -> None:
                try:
                    await one(item)
                except Exception as error:  # raised below, since a task group would wrap it
                    failure.append(error)
                    group.cancel_scope.cancel()

            for item in items:
                group.start_soon(guarded, item)
        if failure:
            raise failure[0]

    async def answer(self, item: Item, context: Context) -> dict[str, Any] | None:
        try:
            answer = await self.scaffold(item.problem, context)
        except BudgetExceeded:
            self.stopped = True
            return None
        except (ModelError, ServerError) as error:
            self.failed += 1
            self.say(f"{item.id}: {error}")
            return {"id": item.id, "error": str(error)}
        self.stopped = self.stopped or answer.stopped == "budget"
        self.answered += 1
        if self.answered % 100 == 0:
            self.say(f"{self.answered} of {self.total}")
        return answer_row(item.id, answer, context.trace)


def answer_row(id: str, answer: Answer, trace: Trace) -> dict[str, Any]:
    """An answer as a line of the output; what is empty is left out."""
    totals = trace.totals()
    row: dict[str, Any] = {"id": id, "text": answer.text}
    if answer.value is not None:
        row["value"] = answer.value
    if answer.files:
        row["files"] = dict(answer.files)
    if answer.tool_calls:
        row["tool_calls"] = [asdict(call) for call in answer.tool_calls]
    if answer.verdict is not None:
        row["verdict"] = answer.verdict.word
    if answer.agreement is not None:
        row["agreement"] = answer.agreement
    if answer.stopped is not None:
        row["stopped"] = answer.stopped
    row |= {"calls": totals.calls, "input_tokens": totals.input_tokens, "output_tokens": totals.output_tokens}
    return row | {"usd": None if totals.unpriced else totals.usd}


def _item(line: str, where: str, max_tokens: int) -> Item:
    if len(line) > MOST_LINE:
        raise BulkError(f"{where} has {len(line)} characters; {MOST_LINE} are possible.")
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BulkError(f'{where} is not JSON ({error}). Write one object a line, such as {{"prompt": "…"}}.') from None
    if isinstance(given, str):
        given = {"prompt": given}
    try:
        problem = _problem(given, max_tokens)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BulkError(f'{where} is no prompt: {error}. Write {{"prompt": "…"}} or {{"messages": […]}}.') from None
    id = str(given["id"]) if "id" in given else hashlib.sha256(line.strip().encode()).hexdigest()[:16]
    return Item(id=id, problem=problem)


def _problem(given: Mapping[str, Any], max_tokens: int) -> Problem:
    unknown = set(given) - {"id", "prompt", "messages", "libraries", "max_tokens", "reply", "tests", "category"}
    if unknown:
        raise ValueError(f"it has {sorted(unknown)[0]!r}, which means nothing here")
    if "messages" in given:
        messages = tuple(_message(message) for message in given["messages"])
    else:
        if not isinstance(given["prompt"], str):
            raise ValueError("its prompt is no text")
        messages = (Message(role="user", content=given["prompt"]),)
    if not any(message.role == "user" for message in messages):
        raise ValueError("it has no user message")
    reply = {key: value for key, value in given.get("reply", {}).items() if key in {f.name for f in fields(Reply)}}
    if "paths" in reply:
        reply["paths"] = tuple(map(str, reply["paths"]))
    tests = given.get("tests")
    return Problem(
        messages=messages,
        libraries=tuple(map(str, given.get("libraries", ()))),
        reply=Reply(**reply) if reply else Reply(kind="code" if tests else "text"),
        check=Tests(files={str(path): str(text) for path, text in tests.items()}) if tests else None,
        options=Options(max_tokens=int(given.get("max_tokens", max_tokens))),
        category=str(given.get("category", "")),
    )


def _message(given: Mapping[str, Any]) -> Message:
    if given["role"] not in ("system", "user", "assistant", "tool"):
        raise ValueError(f"the role {given['role']!r} is unknown")
    calls = tuple(ToolCall(**call) for call in given.get("tool_calls", ()))
    return Message(
        role=given["role"],
        content=str(given.get("content") or ""),
        tool_calls=calls,
        tool_call_id=given.get("tool_call_id"),
    )
