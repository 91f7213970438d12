"""The two endpoints' forms, behind one set of words for the application."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from understudy.problem import Message
from understudy.proxy import chat, responses
from understudy.proxy.asked import MOST_TOKENS, Asked
from understudy.proxy.done import Done

Continued = Callable[[Any], tuple[Message, ...]]


class Wire(ABC):
    """One request in one endpoint's form: how its answer is written."""

    closing = ""

    def __init__(self, body: dict[str, Any], id: str, continued: Continued, most: int = MOST_TOKENS) -> None:
        """Read a request.

        Args:
            body: What the client sent.
            id: The answer's id.
            continued: Gives the messages up to an earlier response.
            most: How many tokens the answer may have where the client does not say.

        Raises:
            BadRequest: It cannot be served.
        """
        self.id, self.most = id, most
        self.asked = self.read(body, continued)
        self.shown = ""

    @abstractmethod
    def read(self, body: dict[str, Any], continued: Continued) -> Asked:
        """Read the request."""

    def kept(self, done: Done) -> tuple[str, tuple[Message, ...]] | None:
        """An id and the conversation, where a later request may refer to it."""
        return None

    @abstractmethod
    def whole(self, done: Done) -> dict[str, Any]:
        """The answer as one body."""

    @abstractmethod
    def begin(self) -> Iterator[dict[str, Any]]:
        """The first events of a stream."""

    @abstractmethod
    def told(self, kind: str, words: str) -> Iterator[dict[str, Any]]:
        """Events for words of the answer, of thinking, or of progress."""

    @abstractmethod
    def alive(self) -> Iterator[dict[str, Any]]:
        """An event that says nothing but that work goes on."""

    @abstractmethod
    def end(self, done: Done) -> Iterator[dict[str, Any]]:
        """The events from the answer to the end."""

    @abstractmethod
    def failed(self, error: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of a stream that failed."""

    def _sent(self, done: Done) -> int:
        """How many characters of the answer were sent already; none when what was sent turned out not to be it."""
        text = done.answer.text
        if text.startswith(self.shown):
            return len(self.shown)
        shown = self.shown.lstrip()  # where a call was cut out, the text begins without white space
        return len(shown) if shown and text.startswith(shown) else 0


class ChatWire(Wire):
    """Chat completions."""

    closing = "[DONE]"

    def read(self, body: dict[str, Any], continued: Continued) -> Asked:
        return chat.read_request(body, most=self.most)

    def whole(self, done: Done) -> dict[str, Any]:
        return chat.whole(self.asked, done)

    def begin(self) -> Iterator[dict[str, Any]]:
        yield chat.first(self.asked, self.id)

    def told(self, kind: str, words: str) -> Iterator[dict[str, Any]]:
        if kind == "text":
            self.shown += words
            yield chat.piece(self.asked, self.id, text=words)
        else:
            yield chat.piece(self.asked, self.id, reasoning=words + "\n" * (kind == "progress"))

    def alive(self) -> Iterator[dict[str, Any]]:
        yield chat.piece(self.asked, self.id)

    def end(self, done: Done) -> Iterator[dict[str, Any]]:
        return chat.last(self.asked, done, shown=self._sent(done))

    def failed(self, error: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"error": error}


class ResponsesWire(Wire):
    """Responses."""

    def read(self, body: dict[str, Any], continued: Continued) -> Asked:
        asked = responses.read_request(body, continued(body.get("previous_response_id")), most=self.most)
        self.events = responses.Events(asked, self.id)
        self.stored = body.get("store") is not False
        return asked

    def kept(self, done: Done) -> tuple[str, tuple[Message, ...]] | None:
        return (f"resp_{self.id}", (*self.asked.messages, *responses.messages_of(done))) if self.stored else None

    def whole(self, done: Done) -> dict[str, Any]:
        return responses.whole(self.asked, done)

    def begin(self) -> Iterator[dict[str, Any]]:
        return self.events.begin()

    def told(self, kind: str, words: str) -> Iterator[dict[str, Any]]:
        if kind == "text":
            self.shown += words
            yield from self.events.text(words)
        else:
            yield self.events.alive()

    def alive(self) -> Iterator[dict[str, Any]]:
        yield self.events.alive()

    def end(self, done: Done) -> Iterator[dict[str, Any]]:
        return self.events.end(done, shown=self._sent(done))

    def failed(self, error: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield self.events.failed(error)
