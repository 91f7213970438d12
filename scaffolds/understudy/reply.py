"""How the text of a completion becomes an answer: one rule for every arm of a comparison.

Nothing is mended here. A reply that does not follow the rule gives an answer without files, calls or value, and whoever
wants more wraps the scaffold in `Repair`.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from understudy.answer import Answer
from understudy.model import Completion
from understudy.problem import Problem, Reply, ToolCall
from understudy.prompts.tools import calls_from

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\n`]*)$", re.MULTILINE)
_NAMED = re.compile(
    r"^(?:#+\s*|\*\*|`|file(?:name)?:\s*|[-*]\s+|\d+\.\s+)*([\w./-]+\.\w+)`?(?:\*\*)?:?`?$", re.IGNORECASE
)
_FILE = re.compile(r"[\w./\\-]*\w\.[A-Za-z]\w*")
_COMMENT = re.compile(r"(?://|/\*|#(?!include|pragma|if|define)|<!--)(?P<words>.*?)(?:\*/|-->)?$")
_TOLD = re.compile(r"""\bpath=(?:["'](?P<quoted>[^"']*)["']|(?P<plain>.*?)(?=\s+\w+=|\s*\{|\s*$))""")
_LANGUAGES = {
    ".py": {"python", "py", "python3"},
    ".js": {"javascript", "js"},
    ".ts": {"typescript", "ts"},
    ".go": {"go"},
}


class Block(NamedTuple):
    """A fenced block: what stands behind the opening fence, the lines inside, and the line before it."""

    info: str
    text: str
    before: str


def answer_from(completion: Completion, problem: Problem, *, calls_in_text: bool = False) -> Answer:
    """Read a completion by the problem's reply rule.

    Args:
        completion: What the model answered.
        problem: Its `reply` is the rule.
        calls_in_text: Tools were described in the prompt, so well-formed calls are looked for in the text.
    """
    text, calls = completion.text, completion.tool_calls
    if calls_in_text and not calls:
        text, calls = calls_from(text)
    return answer_from_text(text, problem, tool_calls=calls, complete=completion.finish != "length")


def answer_from_text(
    text: str, problem: Problem, *, tool_calls: tuple[ToolCall, ...] = (), complete: bool = True
) -> Answer:
    """Read a text by the problem's reply rule."""
    rule = problem.reply
    if rule.kind == "value":
        return Answer(text=text, tool_calls=tool_calls, value=value_in(text, rule.pattern), complete=complete)
    files: dict[str, str] = {}
    if rule.kind == "code":
        code = code_in(text, rule)
        given = rule.before.rstrip("\n") + "\n" if rule.before else ""
        files = {rule.path: given + code} if code else {}
    elif rule.kind == "files":
        files = listed_files_in(text, rule.paths) if rule.paths else files_in(text)
    return Answer(text=text, tool_calls=tool_calls, files=files, complete=complete)


def value_in(text: str, pattern: str | None = None) -> str | None:
    """Find the value: the last match of `pattern` (its first group, if any), or else the last number without commas."""
    if pattern is None:
        numbers = _NUMBER.findall(text.replace("\N{MINUS SIGN}", "-"))
        return numbers[-1].replace(",", "") if numbers else None
    matches = list(re.finditer(pattern, text))
    if not matches:
        return None
    last = matches[-1]
    found = last.group(1) if last.re.groups else last.group()
    return None if found is None else found.strip()


def blocks_in(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a text; one that is never closed runs to the end."""
    lines, index = text.splitlines(), 0
    while index < len(lines):
        opening = _FENCE.match(lines[index])
        if not opening:
            index += 1
            continue
        fence, inside = opening.group(1), []
        before = next((line.strip() for line in reversed(lines[:index]) if line.strip()), "")
        index += 1
        while index < len(lines) and lines[index].strip() not in _closings(fence, lines[index]):
            inside.append(lines[index])
            index += 1
        index += 1
        yield Block(info=opening.group(2).strip(), text="\n".join(inside) + "\n", before=before)


def code_in(text: str, rule: Reply) -> str:
    """Find the code: the last fenced block in the file's language that defines something, else the last one of it.

    A usage example after the solution is common and defines nothing. A reply without any fence is code as a whole.
    """
    blocks = list(blocks_in(text))
    if not blocks:
        return text.strip("\n") + "\n" if text.strip() else ""
    suffix = PurePosixPath(rule.path).suffix
    own = [b for b in blocks if not b.info or b.info.split()[0].lower() in _LANGUAGES.get(suffix, {suffix.lstrip(".")})]
    own = [block for block in own or blocks if block.text.strip()]
    if not own:
        return ""
    defining = [block for block in own if _defines(block.text)] if suffix == ".py" else []
    return (defining or own)[-1].text


def files_in(text: str) -> dict[str, str]:
    """Find the files: blocks whose opening fence, first comment or preceding line names a path inside the project.

    The last block of a path holds; a path that is absolute or leads upward names nothing.
    """
    found: dict[str, str] = {}
    for block in blocks_in(text):
        path = _path_of(block)
        if path:
            found[path] = block.text
    return found


def listed_files_in(text: str, paths: Sequence[str]) -> dict[str, str]:
    """Find files where it is known which are asked for, and so in more of the ways in which models name a file.

    A block belongs to the listed file that its fence, its first comment or the line before it names, whole or by the
    end of its path; or else to the only one that is mentioned in the line before it, the first such block of a file,
    since examples of use follow. The name of another file is kept: whoever checks the answer has to see it.
    """
    found: dict[str, str] = {}
    mentioned: dict[str, str] = {}
    for block in blocks_in(text):
        names = _names_of(block, {PurePosixPath(path).suffix for path in paths})
        known = [path for name in names for path in paths if _ends_alike(name, path)]
        other = [path for path in map(safe_path, names) if path]
        if known or other:
            found[(known or other)[0]] = block.text
        elif not names and len(only := {path for path in paths if _mentions(block.before, path)}) == 1:
            mentioned.setdefault(only.pop(), block.text)
    return mentioned | found


def safe_path(path: str) -> str | None:
    """Return a relative path in its plainest form; None when it leads out of the project or is no path."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path or "\0" in path or not pure.name:
        return None
    return str(pure)


def canonical_calls(calls: tuple[ToolCall, ...]) -> str:
    """Write calls so that equal calls are equal texts: keys sorted, spaces gone, ids left out."""
    return json.dumps([[call.name, _canonical(call.arguments)] for call in calls], sort_keys=True, ensure_ascii=False)


def answer_key(answer: Answer) -> str:
    """What two answers must share to count as the same: calls, else value, else files, else the words of the text."""
    if answer.tool_calls:
        return "calls:" + canonical_calls(answer.tool_calls)
    if answer.value is not None:
        return "value:" + _plain_number(answer.value)
    if answer.files:
        return "files:" + json.dumps({path: text.rstrip() for path, text in answer.files.items()}, sort_keys=True)
    return "text:" + " ".join(answer.text.split())


def _closings(fence: str, line: str) -> set[str]:
    # A closing fence is at least as long as the opening one and carries no words.
    bare = line.strip()
    return {bare} if len(bare) >= len(fence) and not bare.strip(fence[0]) and bare else set()


def _path_of(block: Block) -> str | None:
    told = _TOLD.search(block.info)
    if told:  # as the prompt asks for it; such a path may hold spaces and needs no suffix
        return safe_path((told["quoted"] or told["plain"] or "").strip())
    words = block.info.replace("title=", " ").replace(":", " ").strip().strip('"').split()
    named = [word.strip("\"'") for word in words if "." in word]
    first = block.text.partition("\n")[0].strip()
    if first.startswith(("#", "//")):
        comment = _NAMED.match(first.lstrip("#/ "))
        named += [comment.group(1)] if comment else []
    before = _NAMED.match(block.before)
    named += [before.group(1)] if before else []
    return next((path for path in map(safe_path, named) if path), None)


def _names_of(block: Block, suffixes: set[str]) -> list[str]:
    """What names a file: anything like one behind the opening fence; elsewhere only with one of these suffixes."""
    told = _TOLD.search(block.info)
    words = [told["quoted"] or told["plain"] or ""] if told else re.split(r"[\s=:\"']+", block.info)
    named = [word for word in words if _FILE.fullmatch(word)]
    first = block.text.partition("\n")[0].strip()
    comment = _COMMENT.match(first)
    for line in (comment["words"].strip() if comment else "", block.before):
        match = _NAMED.match(line)
        if match and PurePosixPath(match.group(1)).suffix in suffixes:
            named.append(match.group(1))
    return named


def _ends_alike(name: str, path: str) -> bool:
    return safe_path(name) is not None and (f"/{path}".endswith(f"/{safe_path(name)}") or name.endswith(f"/{path}"))


def _mentions(line: str, path: str) -> bool:
    name = re.escape(PurePosixPath(path).name)
    return re.search(rf"(?<![\w.-]){name}(?![\w-]|\.\w)", line) is not None and ".." not in line


def _defines(code: str) -> bool:
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in body)


def _canonical(arguments: str) -> object:
    try:
        return json.loads(arguments) if arguments.strip() else {}
    except ValueError:
        return arguments.strip()


def _plain_number(value: str) -> str:
    try:
        number = float(value.replace(",", ""))
    except ValueError:
        return " ".join(value.split()).casefold()
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else str(number)
