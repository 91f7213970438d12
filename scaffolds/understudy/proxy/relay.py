"""Words of an answer on their way to the client while a model still writes them, where that is honest.

It is where one completion is the answer as it is: nothing decides between several, and nothing changes the text. Where
the client has tools, a call may leak into the text, and what was sent cannot be taken back: then whole lines go out,
up to the first that could be part of a call.
"""

import re
from contextlib import aclosing
from typing import Any

from understudy.direct import Direct
from understudy.docs import Docs
from understudy.errors import ModelUnavailable
from understudy.model import Completion, Delta, Model, Request, Streaming
from understudy.on import On
from understudy.proxy.asked import Asked
from understudy.repair import Repair

_SUSPECT = re.compile(
    r"[<>{\[(`|]|&lt;|\b(?:tools?|functions?|actions?|call\w*|arguments|input|invoke|thoughts?\s*\d*:|observation|name\s*:|to=)",
    re.IGNORECASE,
)


def can_relay(scaffold: Any, asked: Asked) -> bool:
    """Whether the answer of a scaffold to a request is the text of its one completion."""
    if not asked.stream:
        return False
    while isinstance(scaffold, On | Repair | Docs):
        if isinstance(scaffold, Docs) and scaffold.mode == "tools":
            return False
        if isinstance(scaffold, Repair) and asked.options.response_format is not None:
            return False  # JSON is mended
        scaffold = scaffold.inner
    return isinstance(scaffold, Direct) and not (scaffold.tools == "prompt" and asked.tools)


class Relayed:
    """A model whose words are passed on while they are written."""

    def __init__(self, model: Model, tell: Any, tools: tuple[str, ...] = ()) -> None:
        """Pass on; `tools` are the names of the client's, where it has any."""
        self._model, self._tell = model, tell
        self._names = frozenset(map(_bare, tools))
        self._told = self._drawn = False
        self._held = ""
        self._open = True
        """Whether words may still be passed on."""
        self._begun = False

    @property
    def name(self) -> str:
        return self._model.name

    async def generate(self, request: Request) -> Completion:
        """Draw one completion and tell of it piece by piece; a further one, which a repair asks for, is not told of.

        Raises:
            ModelUnavailable: It broke off, and what was told cannot be taken back.
        """
        if not isinstance(self._model, Streaming) or self._drawn:
            return await self._model.generate(request)
        if self._told:
            raise self._broken(billed=False)
        async with aclosing(self._model.stream(request)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, Completion):
                    self._drawn = True
                    return piece
                self._pass_on(piece)
        raise self._broken(billed=True)

    def _broken(self, *, billed: bool) -> ModelUnavailable:
        return ModelUnavailable(f"{self.name} broke off in the middle of its answer.", model=self.name, billed=billed)

    def _pass_on(self, piece: Delta) -> None:
        if piece.reasoning:
            self._tell("reasoning", piece.reasoning)
        if not self._open or not piece.text:
            return
        self._held += piece.text
        if not self._begun:  # thinking that a server left in the text begins with a tag; such text waits
            if self._held.lstrip()[:1] in ("", "<"):
                return
            self._begun = True
        self._release()

    def _release(self) -> None:
        if not self._names:
            self._say(self._held)
            self._held = ""
            return
        sure = ""
        for line in self._held[: self._held.rfind("\n") + 1].split("\n")[:-1]:
            if _SUSPECT.search(line) or _bare(line) in self._names:
                self._open = False
                break
            sure += f"{line}\n"
        said = sure.rstrip()  # where a call is cut out behind it, the text ends without the line break
        self._say(said)
        self._held = self._held[len(said) :]

    def _say(self, text: str) -> None:
        if text:
            self._told = True
            self._tell("text", text)


def _bare(line: str) -> str:
    """A line without what may surround a name that stands alone."""
    return re.sub(r"[\W_]+", "", line).lower()
