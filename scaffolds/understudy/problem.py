"""What a scaffold may know: a problem, as plain, picklable, hashable data. It never holds the hidden grade."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call of a function as the model wrote it."""

    name: str
    arguments: str
    """The raw text of the arguments. Usually JSON; never assumed to be."""
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a chat."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """For role `tool`: which call this answers."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function the answer may call, with the JSON schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Tests:
    """A visible check that the testing server runs.

    `files` are the test files, path to text. `protected` names the paths an answer must not write; None protects every
    test file. `framework` is what the tests are written for, and `values` says that they only compare plain values, so
    that candidate and tests can be kept apart; the testing server is told both and finds out by itself what holds.
    """

    __test__ = False  # pytest collects classes by this name

    files: Mapping[str, str] = field(hash=False)
    protected: tuple[str, ...] | None = None
    framework: str = "pytest"
    timeout_s: float = 10.0
    values: bool = False


@dataclass(frozen=True, kw_only=True)
class Form:
    """A visible check by pure code: is the answer non-empty, complete, and are its calls well-formed?"""

    non_empty: bool = True
    complete: bool = True
    """Refuse an answer that ended because `max_tokens` ran out."""
    calls: bool = True
    """Refuse calls of unknown tools and arguments that do not fit the tool's schema."""


Check = Tests | Form


@dataclass(frozen=True, kw_only=True)
class Reply:
    """How the text of a completion becomes an answer; the same rule in every arm of a comparison."""

    kind: Literal["text", "code", "files", "calls", "value"] = "text"
    path: str = "solution.py"
    """For `code`: the file that the code block becomes."""
    paths: tuple[str, ...] = ()
    """For `files`: the only files that an answer may hold; it need not hold them all. Empty: any."""
    before: str = ""
    """For `code`: text put before the code in that file, such as the imports and the signature that the prompt gave."""
    pattern: str | None = None
    """For `value`: a regular expression; its last match (first group, if any) is the value. None: the last number."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the problem itself fixes about a request. Sampling is not here: it belongs to scaffolds."""

    max_tokens: int = 1024
    stop: tuple[str, ...] = ()
    tool_choice: str | None = None
    """None, "auto", "none", "required", or the name of a tool."""
    response_format: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """All that a scaffold may know about what is asked."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    check: Check | None = None
    reply: Reply = Reply()
    libraries: tuple[str, ...] = ()
    """Requirements such as "pydantic==2.11.3": what the docs server is asked about."""
    options: Options = Options()
    category: str = ""
    """What kind of task it is, in the user's words; `Route` sorts by it. Empty: by what the problem holds."""
