"""Every code block of every page holds.

`python` runs, page by page in one namespace, and a `text` block right after it is what it prints. `console` runs each
`$ command` in an empty folder and compares what it prints; a line `...` stands for any lines. Of `sh`, commands,
options and make targets must exist; test_pages.py, among the slow tests, types them. Data must parse.
"""

import ast
import contextlib
import inspect
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import click
import pytest
from ruamel.yaml import YAML

from understudy_harness import cli
from understudy_servers.attach import jsonc

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if "results" not in page.parts  # dated records: their commands were true that day
)
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.M | re.S)
PASSIVE = {"text", "mermaid", "html", "diff", ""}


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int
    gap: str
    """The text between the block before this one and this one."""


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text("utf-8")
    found, end = [], 0
    for match in FENCE.finditer(text):
        language = match[1].split()[0] if match[1].split() else ""
        found.append(Block(language, match[2], text.count("\n", 0, match.start()) + 2, text[end : match.start()]))
        end = match.end()
    return found


def run_python(block: Block, page: str, namespace: dict[str, Any]) -> str:
    tree = compile("\n" * (block.line - 1) + block.code, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        waiting = eval(tree, namespace)
        if inspect.iscoroutine(waiting):

            async def wait() -> None:
                await waiting

            anyio.run(wait)
    return printed.getvalue()


def matches(expected: str, printed: str) -> bool:
    parts = [re.escape(line) if line.strip() != "..." else ".*?" for line in expected.rstrip().splitlines()]
    return re.fullmatch("\n".join(parts), printed.rstrip(), re.S) is not None


def run_console(block: Block, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    environment |= {"HOME": str(folder), "COLUMNS": "100"}
    for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", block.code, re.M):
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
        )
        printed = done.stdout + done.stderr
        assert matches(expected, printed), f"`{command}` printed:\n{printed}"


def typed(code: str) -> Iterator[list[str]]:
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(re.split(r"\s(?:>|\||&&|2>)", line.removeprefix("$ "))[0], comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words:
            yield words


def check_typed(words: list[str]) -> None:
    """A command a test cannot run must still exist, with these options."""
    if words[0] == "uvx":
        words = words[words.index("understudy", 1 if words[1] != "--from" else 3) :]
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
        unknown = [word for word in words[1:] if "=" not in word and word not in targets]
        assert unknown == [], f"make has no target {unknown}"
    elif words[0] == "understudy":
        parse(cli.understudy, words[1:], "understudy")
    elif "pip" in words and "install" in words:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = {name for word in words for name in re.findall(r"\[([a-z,]+)\]", word)}
        assert {extra for names in named for extra in names.split(",")} <= set(extras)


def parse(command: click.Command, args: list[str], name: str) -> None:
    if not args and isinstance(command, click.Group):
        return
    with command.make_context(name, args, resilient_parsing=False) as context:
        if isinstance(command, click.Group):
            child, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            parse(found, rest, str(child))


def check_data(block: Block) -> None:
    if block.language in {"json", "jsonc"}:
        jsonc.load(block.code)
    elif block.language == "jsonl":
        [json.loads(line) for line in block.code.splitlines()]
    elif block.language == "toml":
        tomllib.loads(block.code)
    else:
        YAML(typ="safe").load(block.code)


@pytest.mark.parametrize("page", PAGES)
def test_every_code_block_of_the_page_holds(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": page}
    printed = None
    for block in blocks(page):
        if block.language == "python":
            printed = run_python(block, page, namespace)
            continue
        if block.language == "text" and printed is not None and not block.gap.strip():
            assert matches(block.code, printed), (
                f"{page}:{block.line} expected\n{block.code}\nbut it printed\n{printed}"
            )
        elif block.language == "console":
            run_console(block, tmp_path)
        elif block.language in {"sh", "bash"}:
            for words in typed(block.code):
                check_typed(words)
        elif block.language in {"json", "jsonc", "jsonl", "toml", "yaml"}:
            check_data(block)
        else:
            assert block.language in PASSIVE, f"{page}:{block.line}: nobody checks {block.language!r} blocks"
        printed = None


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_the_page_leads_to_a_file(page: str) -> None:
    text = FENCE.sub("", (ROOT / page).read_text("utf-8"))
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if "://" not in link and not ((ROOT / page).parent / link).exists()]

    assert missing == []
