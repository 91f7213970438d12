"""What every dialect shares: one model behind an endpoint, what is known about it, and which parameters it takes."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from understudy.errors import ModelRejected, ModelUnavailable
from understudy.model import Completion, Request
from understudy.models.providers import PLAIN, Provider
from understudy.models.window import Capabilities, probe, was_cut
from understudy.models.wire import Answered, Endpoint

SAMPLING = ("temperature", "top_p", "seed")
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|does not support|deprecated|cannot both|not allowed", re.IGNORECASE
)


class Sent(NamedTuple):
    """What goes out, and what provenance keeps of it."""

    body: dict[str, Any]
    facts: dict[str, Any]


class RemoteModel(ABC):
    """A model behind an endpoint. A dialect says how a request is written and an answer read."""

    path: str
    """Where a request is posted, relative to the base URL."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        endpoint: Endpoint,
        provider: Provider = PLAIN,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Speak to `model` at `endpoint`; nothing is sent yet.

        Args:
            name: The spec, for prices and provenance.
            model: The model's name on the wire; empty for the only one that the server has.
            endpoint: Where; shared by models of one address so that its limit holds for all of them.
            provider: The quirks.
            extra: Fields that every request carries, such as `reasoning_effort`.
        """
        self._name, self.model, self.endpoint, self.provider = name, model, endpoint, provider
        self.extra = {**provider.extra, **(extra or {})}
        self._refused: frozenset[str] = frozenset()  # sampling parameters that this model turned down
        self._capabilities: Capabilities | None = None
        self._answered = False

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"

    @abstractmethod
    def write(self, request: Request) -> Sent:
        """Write a request in this dialect."""

    @abstractmethod
    def read(self, answered: Answered, sent: Sent) -> Completion:
        """Read an answer of this dialect.

        Raises:
            ModelUnavailable: There is no completion in it.
        """

    async def aclose(self) -> None:
        """Close the endpoint's connections."""
        await self.endpoint.aclose()

    async def capabilities(self) -> Capabilities:
        """What the server says about itself and the model, asked once."""
        if self._capabilities is None:
            kind = self.provider.probe
            found = await probe(self.endpoint, kind, self.model) if kind else Capabilities()
            if found.server == "llama.cpp":
                self.endpoint.keep_alive = False  # 24 ms a call otherwise, measured on loopback
            if found.slots:
                self.endpoint.concurrency = found.slots
            if found.window or self._answered:  # Ollama knows its window only once the model is loaded
                self._capabilities = found
            return found
        return self._capabilities

    async def generate(self, request: Request) -> Completion:
        """Draw one completion.

        Raises:
            ModelUnavailable: The server cannot be reached or is overloaded.
            ModelRejected: The request is wrong, or the model is not there.
        """
        await self.ready()
        sent = self.write(request)
        try:
            answered = await self.post(sent)
        except ModelRejected as error:
            sent = self._without(request, sent, error)
            answered = await self.post(sent)
        return await self.finished(request, self.read(answered, sent))

    async def ready(self) -> None:
        """Find out, once, what a request needs to know: the number of slots, and the name of an only model."""
        if self.provider.probe and self._capabilities is None and not self.provider.silent_window:
            await self.capabilities()
        if self.model:
            return
        models = (await probe(self.endpoint, "any", "")).models
        if len(models) != 1:
            offered = ", ".join(map(repr, models[:20])) or "none that it lists"
            raise ModelRejected(
                f"{self.name} names no model, and the server offers {offered}. Write {self.endpoint.where}#NAME.",
                model=self.name,
            )
        self.model = models[0]

    async def post(self, sent: Sent) -> Answered:
        """Send a request; an unknown model is answered with the known ones."""
        try:
            return await self.endpoint.post(self.path, sent.body, model=self.name)
        except ModelRejected as error:
            if error.status != 404:
                raise
            raise await self._unknown(error) from error

    async def finished(self, request: Request, completion: Completion) -> Completion:
        """The completion with what the probe knows: the window, and whether the prompt fit into it."""
        if self.provider.probe is None:
            return completion
        self._answered = True
        known = await self.capabilities()
        facts = {**completion.facts, **known.facts}
        if known.window:
            facts["window"] = known.window
        silent = self.provider.silent_window and known.server in (None, "ollama", "lmstudio")
        answered = "server_parse_error" not in completion.facts
        cut = silent and answered and was_cut(request, completion.usage, known.window)
        return replace(completion, facts=facts, truncated=cut)

    def omitted(self) -> frozenset[str]:
        """Sampling parameters that this model does not take, as the table or the server itself said."""
        refuses = any(re.search(pattern, self.model) for pattern in self.provider.unsampled)
        return self._refused | (frozenset(SAMPLING) if refuses else frozenset())

    def cut_short(self) -> ModelUnavailable:
        """The error for a stream that ended too early."""
        return ModelUnavailable(
            f"{self.name} at {self.endpoint.where} ended its stream before the answer was whole.",
            model=self.name,
            reason="disconnected",
            billed=True,
        )

    def empty(self) -> ModelUnavailable:
        """The error for a 200 that holds no completion."""
        return ModelUnavailable(
            f"{self.name} at {self.endpoint.where} answered 200 without a completion.", model=self.name, billed=True
        )

    def _without(self, request: Request, sent: Sent, error: ModelRejected) -> Sent:
        """The request less the sampling parameter that the server turned down, for this and all later calls."""
        refused = {name for name in SAMPLING if name in sent.body and re.search(rf"\b{name}\b", str(error))}
        if error.status not in (400, 422) or not refused or not _UNSUPPORTED.search(str(error)):
            raise error
        if len(refused) > 1:  # "temperature and top_p cannot both be specified"
            refused.discard("temperature")
        self._refused |= refused
        return self.write(request)

    async def _unknown(self, error: ModelRejected) -> ModelRejected:
        models = (await probe(self.endpoint, "any", "")).models
        if not models or self.model in models:
            return error
        offered = ", ".join(map(repr, models[:20])) + (" …" if len(models) > 20 else "")
        advice = f" {self.provider.install.format(model=self.model)}" if self.provider.install else ""
        return ModelRejected(
            f"{self.endpoint.where} has no model {self.model!r}; it offers {offered}.{advice}",
            model=self.name,
            status=404,
        )


def wrote(text: str, reasoning: str, calls: Any) -> int:
    """Bytes that an answer holds, against which a reported count is held."""
    return len((text + reasoning + "".join(call.name + call.arguments for call in calls)).encode("utf-8", "replace"))
