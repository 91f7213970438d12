"""Your own benchmark: a file of JSON lines, or a folder of them. The schema is `docs/benchmarks/jsonl.md`.

One line is one sample: what is asked (`prompt` or `messages`), what is right (one of `number`, `answer`, `tests`,
`calls`), and, where wanted, a visible check, a cluster, a split, tools and libraries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from understudy.answer import Answer
from understudy.problem import Check, Form, Message, Options, Problem, Reply, Role, Tests, Tool
from understudy.reply import safe_path
from understudy_harness.benchmarks.bfcl import grade_calls, legal_names, legal_schema
from understudy_harness.benchmarks.code import grade_code, hidden_tests
from understudy_harness.benchmarks.data import Record, read_records
from understudy_harness.benchmarks.gsm8k import same_number
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

GRADES = ("number", "answer", "tests", "calls")
_ASKED = ("id", "prompt", "system", "messages", "tools", "libraries", "max_tokens")
_JUDGED = ("tests_visible", "pattern", "path", "timeout_s", "values", "cluster", "category", "split")
FIELDS = frozenset(_ASKED + GRADES + _JUDGED)
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_SPLITS: dict[str, Split] = {"dev": "dev", "test": "test"}


@dataclass(frozen=True)
class JsonLines:
    """Samples from JSON lines."""

    name: str
    path: Path

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        hidden = [sample.hidden for sample in self.samples("all")]
        kinds = sorted(
            {kind for one in hidden for kind in GRADES if kind in one or (kind == "calls" and "rule" in one)}
        )
        return Statement(
            check="`tests_visible` where a line has them, else form",
            grade=f"the hidden {', '.join(kinds)} of each line",
            cluster="the line's `cluster`, else the sample itself",
            reply="the last number, the `pattern`, the code block or the calls, as each line's grade needs",
            source=str(self.path),
        )

    @cached_property
    def _read(self) -> tuple[tuple[Sample, Split | None], ...]:
        found = [_sample(record) for path in _files(self.path) for record in read_records(path)]
        seen: set[str] = set()
        for sample, _ in found:
            if sample.id in seen:
                raise BenchmarkError(f"{self.path}: the id {sample.id!r} stands twice. Ids must be unique.")
            seen.add(sample.id)
        if not found:
            raise BenchmarkError(f"{self.path} holds no sample.")
        return tuple(found)

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of a split: the lines' own, else by a hash of the cluster."""
        if split == "all" or all(own is None for _, own in self._read):
            return split_by_cluster(tuple(sample for sample, _ in self._read), split)
        return tuple(sample for sample, own in self._read if (own or "test") == split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Grade by what the line says is right."""
        hidden = sample.hidden
        if "tests" in hidden:
            return await grade_code(sample, answer, grader)
        if "rule" in hidden:
            return grade_calls(sample, answer)
        if answer.value is None:
            return Grade(score=0.0, word="malformed", detail="The reply holds no value.")
        if "number" in hidden:
            right = same_number(answer.value, hidden["number"])
        else:
            right = _plain(answer.value) in map(_plain, hidden["answer"])
        return Grade(score=float(right), word="right" if right else "wrong", detail=f"read {answer.value[:80]!r}")


def open_jsonl(spec: Spec) -> JsonLines:
    """Open a file or a folder of JSON lines."""
    return JsonLines(spec.text, spec.data())


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(file for file in path.glob("*") if file.name.endswith((".jsonl", ".jsonl.gz")))
    if not files:
        raise BenchmarkError(f"{path} holds no .jsonl file. Give a file of JSON lines, or a folder of them.")
    return files


def _sample(record: Record) -> tuple[Sample, Split | None]:
    unknown = sorted(set(record.fields) - FIELDS)
    if unknown:
        record.broken(f"the field {unknown[0]!r} is unknown (known: {', '.join(sorted(FIELDS))})")
    kinds = [kind for kind in GRADES if kind in record.fields]
    if len(kinds) != 1:
        record.broken(f"exactly one of {', '.join(GRADES)} says what is right; found {', '.join(kinds) or 'none'}")
    split = record.get("split", str, "")
    if split and split not in _SPLITS:
        record.broken(f"the split {split!r} is neither 'dev' nor 'test'")
    functions = _functions(record)
    sample_id = _id(record)
    sample = Sample(
        id=sample_id,
        problem=Problem(
            messages=_messages(record),
            tools=_tools(functions),
            check=_check(record),
            reply=_reply(record, kinds[0]),
            libraries=tuple(record.texts("libraries", [])),
            options=Options(max_tokens=record.get("max_tokens", int, 1024)),
        ),
        cluster=record.get("cluster", str, sample_id),
        hidden=_hidden(record, kinds[0], functions),
        category=record.get("category", str, ""),
    )
    return sample, _SPLITS.get(split)


def _id(record: Record) -> str:
    value = record.fields.get("id", f"{record.path.name}:{record.line}")
    if not isinstance(value, str | int) or isinstance(value, bool):
        record.broken("the field 'id' is neither a string nor an integer")
    return str(value)


def _messages(record: Record) -> tuple[Message, ...]:
    if ("prompt" in record.fields) == ("messages" in record.fields):
        record.broken("give either 'prompt' or 'messages'")
    if "prompt" in record.fields:
        system = record.get("system", str, "")
        first = (Message(role="system", content=system),) if system else ()
        return (*first, Message(role="user", content=record.get("prompt", str)))
    try:
        messages = tuple(
            Message(role=_ROLES[turn["role"]], content=turn["content"]) for turn in record.fields["messages"]
        )
    except (KeyError, TypeError):
        record.broken("'messages' is not a list of {role, content}")
    if not any(message.role == "user" for message in messages):
        record.broken("'messages' holds no user message")
    return messages


def _functions(record: Record) -> list[Mapping[str, Any]]:
    functions = record.get("tools", list, [])
    for function in functions:
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            record.broken("'tools' is not a list of {name, description, parameters}")
        parameters = function.setdefault("parameters", {"type": "object", "properties": {}})
        if not isinstance(parameters, dict) or not isinstance(parameters.setdefault("properties", {}), dict):
            record.broken(f"the parameters of {function['name']!r} are no JSON schema of an object")
        parameters.setdefault("required", [])
    return functions


def _tools(functions: list[Mapping[str, Any]]) -> tuple[Tool, ...]:
    return tuple(
        Tool(name=legal, description=function.get("description", ""), parameters=legal_schema(function["parameters"]))
        for legal, function in zip(legal_names(functions), functions, strict=True)
    )


def _check(record: Record) -> Check:
    if "tests_visible" not in record.fields:
        return Form()
    return Tests(
        files=_texts(record, "tests_visible"),
        timeout_s=_seconds(record),
        values=record.get("values", bool, False),
    )


def _reply(record: Record, kind: str) -> Reply:
    if kind == "tests":
        return Reply(kind="code", path=_inside(record, record.get("path", str, "solution.py")))
    if kind == "calls":
        return Reply(kind="calls")
    pattern = record.get("pattern", str, "")
    return Reply(kind="value", pattern=pattern or (None if kind == "number" else r"Answer:\s*([^\n]+)"))


def _hidden(record: Record, kind: str, functions: list[Mapping[str, Any]]) -> dict[str, Any]:
    if kind == "tests":
        values = record.get("values", bool, False)
        return hidden_tests(_texts(record, "tests"), values=values, timeout_s=_seconds(record))
    if kind == "calls":
        allowed = record.get("calls", list)
        rule = "parallel" if len(allowed) > 1 else "multiple" if allowed else "irrelevance"
        described = [{**function, "parameters": _described(function["parameters"])} for function in functions]
        return {"rule": rule, "functions": described, "names": legal_names(functions), "allowed": allowed}
    value = record.fields[kind]
    if kind == "number":
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float | str)
            or not same_number(str(value), str(value))
        ):
            record.broken(f"the number {value!r} is none")
        return {"number": str(value)}
    answers = value if isinstance(value, list) else [value]
    if not answers or not all(isinstance(one, str) for one in answers):
        record.broken("'answer' is neither a string nor a list of strings")
    return {"answer": answers}


def _described(schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema in the words of BFCL's checker: "number" is its "float", "object" its "dict"."""
    words = {"number": "float", "object": "dict"}
    described = dict(schema)
    described["type"] = words.get(schema.get("type", "any"), schema.get("type", "any"))
    if isinstance(schema.get("properties"), dict):
        described["properties"] = {name: _described(inner) for name, inner in schema["properties"].items()}
    if described["type"] == "array":
        described["items"] = _described(schema.get("items", {}))
    return described


def _texts(record: Record, name: str) -> dict[str, str]:
    files = record.get(name, dict)
    if not files or not all(isinstance(path, str) and isinstance(text, str) for path, text in files.items()):
        record.broken(f"{name!r} is not an object of file names and their texts")
    for path in files:
        _inside(record, path)
    return files


def _inside(record: Record, path: str) -> str:
    if safe_path(path) != path:
        record.broken(f"the file name {path!r} leads out of the project or is not in its plainest form")
    return path


def _seconds(record: Record) -> float:
    value = record.fields.get("timeout_s", 10.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 600:
        record.broken(f"the field 'timeout_s' is {value!r}, not a number of seconds up to 600")
    return float(value)


def _plain(value: str) -> str:
    return " ".join(value.split()).strip(" .`*\"'").casefold()
