"""Mend what a small model wrote almost right: tool calls, JSON, fences, indentation. The cheapest scaffold there is.

Guardrails of this kind took an 8B model from 33 to 81 of 100 in forge (https://github.com/antoinezambelli/forge). A
call whose arguments cannot be read for sure is never run with invented ones; the model is asked again, differently: a
blind repetition repeats the mistake (https://github.com/can1357/oh-my-pi/issues/3909).
"""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, replace
from typing import Any

from understudy.answer import Answer
from understudy.checks import check_form
from understudy.context import Context
from understudy.direct import Direct
from understudy.errors import BudgetExceeded
from understudy.loose_json import Unreadable
from understudy.mending import mended_python, parses
from understudy.problem import Form, Problem
from understudy.prompts.roles import with_request
from understudy.rescue import rescue, structure
from understudy.scaffold import Scaffold, scaffold
from understudy.schema import schema_fault


@scaffold
class Repair:
    """Mend the answer of `inner`; where that takes a guess, ask again up to `asks` times, saying what was wrong.

    Asking again samples, and requires a call where one was meant, so that a server with grammars forces a valid one. An
    answer that is still malformed comes back as the model wrote it, with `stopped="malformed"`.
    """

    inner: Scaffold = Direct()
    _: KW_ONLY
    asks: int = 1
    temperature: float = 0.6

    def __post_init__(self) -> None:
        if self.asks < 0:
            raise ValueError(f"Repair needs asks of 0 or more, not {self.asks!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        answer = await self.inner(problem, context)
        mended, fault = repaired(problem, answer)
        for index in range(self.asks):
            if fault is None:
                break
            here = context.at(f"repair/{index}").drawing(self.temperature)
            here.note("asked again", fault=fault)
            try:
                answer = await self.inner(_again(problem, answer, fault), here)
            except BudgetExceeded:
                return replace(mended, stopped="budget")
            mended, fault = repaired(problem, answer)
        return replace(mended, stopped=mended.stopped or "malformed") if fault else mended


def repaired(problem: Problem, answer: Answer) -> tuple[Answer, str | None]:
    """Mend an answer, and say in a sentence what is still wrong with it; None where nothing is."""
    found = rescue(answer.text, problem.tools, calls=answer.tool_calls, complete=answer.complete)
    if found is None:
        return answer, "the function call cannot be read. Write valid JSON, with the function's own argument names."
    answer = replace(answer, text=found.text, tool_calls=found.calls) if found.mended else answer
    answer, fault = _structured(problem, answer)
    if fault is None:
        answer, fault = _coded(answer)
    if fault is None:
        verdict = check_form(Form(complete=False), problem, answer)
        fault = None if verdict.accepted else verdict.feedback
    return answer, fault


def _structured(problem: Problem, answer: Answer) -> tuple[Answer, str | None]:
    wanted = problem.options.response_format
    if not wanted or answer.tool_calls or wanted.get("type") == "text":
        return answer, None
    schema = _schema(wanted)
    try:
        value = structure(answer.text, schema, complete=answer.complete)
    except Unreadable as error:
        return answer, f"the reply is not the JSON that was asked for ({error}). Reply with JSON only."
    try:
        plain = json.loads(answer.text) == value
    except ValueError:
        plain = False
    mended = answer if plain else replace(answer, text=json.dumps(value, ensure_ascii=False))
    fault = schema_fault(value, schema)
    return mended, f"the JSON does not fit: {fault}" if fault else None


def _coded(answer: Answer) -> tuple[Answer, str | None]:
    files: dict[str, str] = {}
    broken = None
    for path, text in answer.files.items():
        whole = mended_python(text) if path.endswith(".py") and not parses(text) else text
        if whole is None:
            broken = path
        files[path] = text if whole is None else whole
    if files != dict(answer.files):
        answer = replace(answer, files=files)
    return answer, f"the code for {broken} does not parse. Write the whole file again." if broken else None


def _again(problem: Problem, answer: Answer, fault: str) -> Problem:
    text = f"A first reply could not be used: {fault}"
    meant_a_call = bool(problem.tools) and "call" in fault
    choice = (
        "required" if meant_a_call and problem.options.tool_choice in (None, "auto") else problem.options.tool_choice
    )
    return replace(
        problem,
        messages=with_request(problem.messages, text),
        options=replace(problem.options, tool_choice=choice),
    )


def _schema(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a response format in any of the shapes that servers take; empty where there is none."""
    inner = wanted.get("json_schema", wanted)
    schema = inner.get("schema", {}) if isinstance(inner, Mapping) else {}
    return schema if isinstance(schema, Mapping) else {}
