"""Run a problem's visible check on an answer: tests by the testing server, form by pure code.

The testing server gets a problem's test files once, as a workspace in the request's `_meta`, which never comes from a
model; later calls name it by its id. Format: docs/servers/testing.md.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

from understudy.answer import Answer, Failure, Verdict, Word
from understudy.errors import ServerError, ServerLost
from understudy.problem import Form, Problem, Reply, Tests
from understudy.schema import argument_fault

if TYPE_CHECKING:
    from understudy.context import Server, ToolResult

SERVER = "testing"
WORKSPACE = "understudy/workspace"
LIMITS = "understudy/limits"
TESTS = "understudy/tests"
CLIENT = "understudy/client"

_WORDS = frozenset(get_args(Word))


async def run(problem: Problem, answer: Answer, servers: Mapping[str, "Server"], *, client: str = "") -> Verdict:
    """Give the visible check's verdict on `answer`. `client` tells runs apart that share a connection to the server.

    Raises:
        ServerError: The testing server is not connected, or it failed.
    """
    if isinstance(problem.check, Tests):
        if SERVER not in servers:
            raise ServerError(
                "The problem's tests need the server 'testing'. Add servers={'testing': 'understudy serve testing'}.",
                server=SERVER,
            )
        if fault := file_fault(problem.reply, answer.files, problem.check.files):
            return _malformed(fault)
        return await run_tests(problem.check, answer, servers[SERVER], client=client)
    assert isinstance(problem.check, Form)
    return check_form(problem.check, problem, answer)


async def run_tests(tests: Tests, answer: Answer, server: "Server", *, client: str = "") -> Verdict:
    """Have a testing server judge the files of an answer.

    Raises:
        ServerError: The server failed: neither a verdict nor a try.
    """
    if not answer.files:
        return Verdict(
            accepted=False,
            word="malformed",
            feedback="The reply holds no code. Reply with the whole code in one fenced block.",
        )
    return await judge(tests, answer.files, server, client=client)


async def judge(tests: Tests, files: Mapping[str, str], server: "Server", *, client: str = "") -> Verdict:
    """Have a testing server judge files laid over the workspace; none judges the workspace as it is.

    Raises:
        ServerError: The server failed: neither a verdict nor a try.
    """
    workspace = workspace_of(tests)
    known: set[str] | None = getattr(server, "known_workspaces", None)
    if known is not None and workspace["id"] in known:
        result = await _call(server, files, {"id": workspace["id"]}, tests, client)
        if not _forgotten(result):
            return _verdict(result)
    result = await _call(server, files, workspace, tests, client)
    if known is not None:
        known.add(workspace["id"])
    return _verdict(result)


def workspace_of(tests: Tests) -> dict[str, Any]:
    """Describe a problem's tests as the workspace that a testing server keeps, named by its content."""
    kept: dict[str, Any] | None = tests.__dict__.get("_workspace")
    if kept is None:
        protected = sorted(tests.files if tests.protected is None else tests.protected)
        content: dict[str, Any] = {"files": dict(tests.files), "hidden": [], "protected": protected}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        kept = {"id": f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}", **content}
        tests.__dict__["_workspace"] = kept  # a loop asks for it at every try, and it follows from the fields alone
    return kept


def check_form(form: Form, problem: Problem, answer: Answer) -> Verdict:
    """Check an answer's form without running anything."""
    if form.non_empty and not (answer.text.strip() or answer.tool_calls or answer.files):
        return _malformed("The answer is empty. Write the answer.")
    if form.complete and not answer.complete:
        return _malformed("The answer was cut off. Write a shorter answer.")
    if form.calls:
        fault = _call_fault(problem, answer)
        if fault:
            return _malformed(fault)
    if problem.reply.kind in ("code", "files") and not answer.files and not answer.tool_calls:
        return _malformed("The reply holds no code. Reply with the whole code in one fenced block.")
    if problem.reply.kind == "value" and answer.value is None:
        return _malformed("The reply holds no value. End with the value alone.")
    return Verdict(accepted=True, word="passed")


def file_fault(rule: Reply, files: Mapping[str, str], tests: Mapping[str, str]) -> str | None:
    """Say what is wrong with the files of an answer to a problem that lists its files.

    A file of the tests is not said here: the testing server calls an answer that brings one tampered.
    """
    if rule.kind != "files" or not rule.paths:
        return None
    asked = " and ".join(rule.paths)
    if not files:
        return f"No code block says which file it is. Write the path on the line before each block: {asked}."
    other = next((path for path in files if path not in rule.paths and path not in tests), None)
    return None if other is None else f"{other!r} is not one of the files that are asked for. Write only {asked}."


def _call_fault(problem: Problem, answer: Answer) -> str | None:
    tools = {tool.name: tool for tool in problem.tools}
    for call in answer.tool_calls:
        if call.name not in tools:
            return f"There is no function {call.name!r}. Call one of: {', '.join(tools) or 'none'}."
        fault = argument_fault(call.arguments, tools[call.name].parameters)
        if fault:
            return f"The call of {call.name} does not fit: {fault}"
    if problem.options.tool_choice not in (None, "auto", "none") and problem.tools and not answer.tool_calls:
        return "A function call is required and the reply holds none."
    return None


async def _call(
    server: "Server", files: Mapping[str, str], workspace: dict[str, Any], tests: Tests, client: str
) -> "ToolResult":
    meta: dict[str, Any] = {
        WORKSPACE: workspace,
        LIMITS: {"wall_s": tests.timeout_s},
        TESTS: {"framework": tests.framework, "values": tests.values},
    }
    if client:
        meta[CLIENT] = client
    arguments = {"files": dict(files)}
    try:
        return await server.call("run_tests", arguments, meta=meta)
    except ServerLost:
        # Judging changes nothing, so it may be asked again; the new server does not know the workspace by its id.
        return await server.call("run_tests", arguments, meta=meta | {WORKSPACE: workspace_of(tests)})


def _forgotten(result: "ToolResult") -> bool:
    return result.data is not None and result.data.get("reason") == "unknown_workspace"


def _verdict(result: "ToolResult") -> Verdict:
    data = result.data
    if data is None or result.is_error or data.get("verdict") not in _WORDS:
        said = (data or {}).get("reason") or result.text or "it gave no verdict"
        raise ServerError(f"The testing server failed: {said}", server=SERVER)
    word = cast("Word", data["verdict"])
    delta = data.get("delta") or {}
    return Verdict(
        accepted=word == "passed" and data.get("ok") is True,
        word=word,
        feedback=result.text,
        failures=tuple(_failure(failure) for failure in data.get("failures") or ()),
        proof=tuple(data.get("proof") or ()),
        passed=int(data.get("passed") or 0),
        total=int(data.get("total") or 0),
        fixed=tuple(delta.get("fixed") or ()),
        broke=tuple(delta.get("broke") or ()),
    )


def _failure(failure: Mapping[str, Any]) -> Failure:
    raised = failure.get("kind") in ("exception", "import", "syntax")
    return Failure(
        call=str(failure.get("call") or ""),
        expected=str(failure.get("expected") or ""),
        actual=str(failure.get("actual") or ""),
        error=str(failure.get("message") or "") if raised or not failure.get("call") else "",
        test=str(failure.get("id") or ""),
    )


def _malformed(feedback: str) -> Verdict:
    return Verdict(accepted=False, word="malformed", feedback=feedback)
