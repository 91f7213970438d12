"""Give the model the documentation of the exact versions that the problem or the project uses.

Retrieval before the question, Lewis et al. 2020 (https://arxiv.org/abs/2005.11401); the tools are drop-in with
Context7's (https://github.com/upstash/context7). Put into the prompt, documentation reaches models that would not call
for it.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, replace
from itertools import zip_longest
from typing import Any, ClassVar, Literal

from understudy.answer import Answer
from understudy.context import Context
from understudy.direct import Direct
from understudy.problem import Problem
from understudy.prompts import v1
from understudy.prompts.roles import last_user
from understudy.prompts.v1 import Snippet
from understudy.scaffold import Scaffold, scaffold
from understudy.toolloop import ToolLoop, offers_of

SERVER = "docs"
MOST_LIBRARIES = 4
MOST_CANDIDATES = 12
LONGEST_QUERY = 600  # characters; a search by words gains nothing from more

_REQUIREMENT = re.compile(r"\b([A-Za-z][\w.-]*[A-Za-z0-9])\s*[=~]=\s*([\w.]+)")
_IMPORT = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)
_QUOTED = re.compile(r"`([A-Za-z][\w-]*)(?:[.(][^`\n]*)?`")
_DOTTED = re.compile(r"\b([a-z][a-z0-9_]+)\.[A-Za-z_]\w*\s*\(")
_NAMED = re.compile(
    r"\b(?:with|using|in|of|from|use|library|package|module)\s+(?:the\s+)?([A-Za-z][\w-]{2,40})"
    r"|\b([A-Za-z][\w-]{2,40})(?:'s)?\s+(?:library|package|module|documentation|docs|API)\b"
)


@scaffold
class Docs:
    """Answer with documentation.

    `mode="inject"` asks the docs server the question of the problem and puts up to `snippets` snippets before it, for
    each library of the problem, or else for those of the project's own that the message names. What is not indexed
    injects nothing, and the trace says so. `mode="tools"` offers the server's tools to the model, which decides itself.
    """

    inner: Scaffold = Direct()
    _: KW_ONLY
    mode: Literal["inject", "tools"] = "inject"
    snippets: int = 4
    tokens: int = 2000
    steps: int = 6
    server: ClassVar[str] = SERVER

    def __post_init__(self) -> None:
        if self.snippets < 1 or self.steps < 1 or self.tokens < 1:
            raise ValueError("Docs needs snippets, tokens and steps of at least 1.")
        if self.mode == "tools" and self.inner != Direct():
            raise ValueError("Docs(mode='tools') runs its own loop, so it takes no inner scaffold.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        if self.mode == "tools":
            offers = await offers_of(context, (SERVER,), problem)
            return await ToolLoop(problem=problem, offers=offers, steps=self.steps, tools="native").run(context)
        here = context.at("docs")
        libraries = problem.libraries or await _named_libraries(problem, here)
        query = query_of(problem)
        found = [await self._snippets(here, library, query) for library in libraries[:MOST_LIBRARIES]]
        # The best of each library before the second best of any.
        snippets = [snippet for rank in zip_longest(*found) for snippet in rank if snippet is not None]
        asked = replace(problem, messages=v1.docs(problem.messages, snippets[: self.snippets]))
        return await self.inner(asked, context)

    async def _snippets(self, here: Context, library: str, query: str) -> list[Snippet]:
        name, version = split_requirement(library)
        wanted = f"{name}@{version}" if version else name
        arguments = {"libraryId": wanted, "query": query, "tokens": self.tokens}
        result = await here.call(SERVER, "query-docs", arguments)
        if result.is_error or not result.data:
            here.note("not indexed", library=library, said=result.text)
            return []
        found: list[Mapping[str, Any]] = result.data.get("snippets") or []
        return [
            Snippet(
                title=str(snippet.get("title", "")), text=str(snippet.get("text", "")), library=wanted.replace("@", " ")
            )
            for snippet in found
            if not snippet.get("warning")  # the server marks text that reads like an order to the model
        ]


def query_of(problem: Problem) -> str:
    """What the docs server is asked: the last message, or its beginning and its end where a question may stand."""
    text = problem.messages[last_user(problem.messages)].content
    if len(text) <= LONGEST_QUERY:
        return text
    half = LONGEST_QUERY // 2
    return f"{text[:half]} {text[-half:]}"


def split_requirement(requirement: str) -> tuple[str, str]:
    """Split "pydantic==2.11.3" into name and version; the version is empty where none is pinned."""
    name, _, version = requirement.partition("==")
    name = re.split(r"[\s\[<>=!~;@]", name.strip(), maxsplit=1)[0]
    return name, version.strip().strip("=").partition(";")[0].partition(",")[0].strip()


def candidates_in(text: str) -> tuple[str, ...]:
    """Words of a message that may name a library, the surest first."""
    found: dict[str, None] = {}
    groups: Iterable[str] = (
        *(match.group(1) for match in _REQUIREMENT.finditer(text)),
        *(name for name in _IMPORT.findall(text) if name not in sys.stdlib_module_names),
        *_QUOTED.findall(text),
        *_DOTTED.findall(text),
        *(first or second for first, second in _NAMED.findall(text)),
    )
    for name in groups:
        found.setdefault(name, None)
    return tuple(found)[:MOST_CANDIDATES]


async def _named_libraries(problem: Problem, here: Context) -> tuple[str, ...]:
    """Those libraries of the project that the last message names, at the version that its lock file or environment
    says."""
    query = query_of(problem)
    named: dict[str, None] = {}
    for candidate in candidates_in(problem.messages[last_user(problem.messages)].content):
        result = await here.call(SERVER, "resolve-library-id", {"libraryName": candidate, "query": query})
        for library in (result.data or {}).get("libraries") or ():
            if _plain(str(library.get("title", ""))) == _plain(candidate):
                versions = library.get("versions") or ()
                named[f"{candidate}=={versions[0]}" if versions else candidate] = None
                break
    if not named:
        here.note("no library named")
    return tuple(named)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
