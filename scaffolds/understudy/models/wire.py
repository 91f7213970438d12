"""One endpoint over HTTP: who may call at once, how long to wait, what is tried again, and what never leaks.

A call is repeated here only while it is certain that it cost nothing: a refused connection, 429, 503, 5xx. A call whose
answer was lost on the way (a timeout, a cut connection) may have been billed, so it is raised to the caller, who holds
the reservation. Redirects are not followed: they would carry the key elsewhere.
"""

import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import anyio
import httpx2

from understudy.errors import ModelError, ModelRejected, ModelUnavailable, Unavailable
from understudy.models.failures import failure, raw_text, refused_inside, secret_free, status_inside
from understudy.models.pace import Pace

T = TypeVar("T")

MOST_BYTES = 64 * 1024 * 1024
"""No answer of a model is larger than this; what is, comes from something else."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for what, in seconds, and how often to try again."""

    connect_s: float = 10.0
    silence_s: float = 600.0
    """Between two bytes. The first token of a large model on a CPU takes minutes."""
    total_s: float = 3600.0
    loading_s: float = 600.0
    longest_wait_s: float = 90.0
    """A server that asks for a longer pause ends the call instead."""
    tries: Mapping[Unavailable, int] | None = None

    def tries_for(self, reason: Unavailable) -> int:
        """How often a call may be made in all, when it keeps failing for `reason`."""
        return (_TRIES if self.tries is None else self.tries).get(reason, 1)


_TRIES: Mapping[Unavailable, int] = {"refused": 2, "rate_limited": 7, "server_error": 4, "loading": 1000}


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A body that arrived whole, or the model's words out of an error."""

    body: dict[str, Any]
    headers: Mapping[str, str]
    raw: str | None = None
    """Set when the server failed to parse what its model wrote; these are the model's words."""


class Endpoint:
    """Everything that models behind one address share."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        concurrency: int = 16,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url.rstrip("/")
        self.where = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
        self.patience = patience or Patience()
        self.keep_alive = True
        """False for servers that send heads and bodies apart: on a kept connection each call waits for an ACK."""
        self._headers = dict(headers or {})
        self._secrets = tuple({*secrets, *filter(None, (parts.password, parts.username))})
        self._loopback = is_loopback(parts.hostname or "")
        self._concurrency = concurrency
        self._limiter: anyio.CapacityLimiter | None = None
        self._client: httpx2.AsyncClient | None = None
        self._sleep = sleep
        self._pace = Pace(longest_s=self.patience.longest_wait_s)
        self._random = random.Random()  # jitter only; never touches an answer

    def __repr__(self) -> str:
        return f"Endpoint({self.where!r})"

    @property
    def concurrency(self) -> int:
        """Calls that may be in flight at once."""
        return self._concurrency

    @concurrency.setter
    def concurrency(self, calls: int) -> None:
        self._concurrency = max(calls, 1)
        if self._limiter is not None:
            self._limiter.total_tokens = self._concurrency

    async def aclose(self) -> None:
        """Close the connections. The endpoint can be used again and then opens new ones."""
        client, self._client, self._limiter = self._client, None, None
        if client is not None:
            await client.aclose()

    async def post(self, path: str, body: Mapping[str, Any], *, model: str) -> Answered:
        """Send a request and wait for its whole answer.

        Raises:
            ModelUnavailable: Nothing came back in the tries that the patience allows.
            ModelRejected: Another try cannot help.
        """

        async def once() -> Answered:
            async with self._open("POST", path, model, _json(body)) as response:
                text = await self._read(response, model)
                return self._answered(response, text, model)

        return await self._patiently(once)

    async def upload(self, path: str, name: str, data: bytes, fields: Mapping[str, str], *, model: str) -> Answered:
        """Send a file as a form; raises as `post` does."""
        boundary = f"understudy-{self._random.getrandbits(128):032x}"
        parts = [
            f'--{boundary}\r\ncontent-disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()
        ]
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        content = "".join([*parts, head]).encode() + data + f"\r\n--{boundary}--\r\n".encode()

        async def once() -> Answered:
            async with self._open(
                "POST", path, model, content, f"multipart/form-data; boundary={boundary}"
            ) as response:
                return self._answered(response, await self._read(response, model), model)

        return await self._patiently(once)

    async def fetch(self, path: str, *, model: str) -> str:
        """Get a text, such as the state or the results of a batch; raises as `post` does."""

        async def once() -> str:
            async with self._open("GET", path, model) as response:
                text = await self._read(response, model, most=16 * MOST_BYTES)
                if response.status_code != 200:
                    raise self._failure(response, text, model)
                return text

        return await self._patiently(once)

    async def stream(self, path: str, body: Mapping[str, Any], *, model: str) -> AsyncGenerator[str]:
        """Send a request and yield the lines of its event stream; tried again only until the first line."""
        async with _borrowed(self._limited()), self._streaming(path, body, model) as response:
            if "text/html" in response.headers.get("content-type", ""):
                raise self._failure(response, await self._read(response, model), model)
            try:
                async for line in response.aiter_lines():
                    yield line
            except httpx2.HTTPError as error:
                raise self._broken(error, model) from error

    async def get(self, url: str) -> Any:
        """Ask for a fact, relative to the server's root when it starts with `/`; None when there is no such fact."""
        try:
            response = await self._opened().get(self._url(url), timeout=self.patience.connect_s)
            return response.json() if response.status_code == 200 else None
        except (httpx2.HTTPError, ValueError, RecursionError):
            return None

    async def ask(self, url: str, body: Mapping[str, Any]) -> Any:
        """Like `get`, for facts that want a POST to the server's root."""
        try:
            response = await self._opened().post(self._url(url), json=body, timeout=self.patience.connect_s)
            return response.json() if response.status_code == 200 else None
        except (httpx2.HTTPError, ValueError, RecursionError):
            return None

    def _url(self, path: str) -> str:
        """A path below the base URL, or below the server's root when it starts with `/`."""
        if not path.startswith("/"):
            return f"{self.base_url}/{path}"
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                headers=self._headers,
                timeout=httpx2.Timeout(self.patience.silence_s, connect=self.patience.connect_s, pool=None),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
                follow_redirects=False,
                verify=self.base_url.startswith("https:"),  # else a tenth of a second goes into reading certificates
                trust_env=not self._loopback,  # a proxy of the environment cannot reach this machine's own servers
            )
        return self._client

    def _limited(self) -> anyio.CapacityLimiter:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._concurrency)
        return self._limiter

    async def _patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        made: dict[str, int] = {}
        waited = 0.0
        await self._paced()
        while True:
            try:
                async with _borrowed(self._limited()):
                    return await once()
            except ModelUnavailable as error:
                wait = self._wait(error, made, waited)
                if wait is None:
                    raise
            waited += wait
            await self._sleep(wait)

    async def _paced(self) -> None:
        """Wait while the provider takes no calls; who comes out of it together does so one after the other."""
        wait = self._pace.wait(time.monotonic())
        if wait > 0:
            await self._sleep(wait * self._random.uniform(1.0, 1.1))

    def _wait(self, error: ModelUnavailable, made: dict[str, int], waited: float) -> float | None:
        """Seconds until the next try, or None when this was the last."""
        made[error.reason] = count = made.get(error.reason, 0) + 1
        if error.reason == "rate_limited":
            self._pace.pause(error.retry_after_s, time.monotonic())
        if error.billed or count >= self.patience.tries_for(error.reason):
            return None
        if error.reason == "loading" and waited > self.patience.loading_s:
            return None
        if error.retry_after_s is not None and error.retry_after_s > self.patience.longest_wait_s:
            return None
        ceiling = 5.0 if error.reason == "loading" else 30.0
        backoff = min(0.5 * 2.0 ** (count - 1), ceiling) * self._random.uniform(0.5, 1.5)
        return max(backoff, (error.retry_after_s or 0.0) * self._random.uniform(1.0, 1.1))

    @asynccontextmanager
    async def _streaming(self, path: str, body: Mapping[str, Any], model: str) -> AsyncIterator[httpx2.Response]:
        made: dict[str, int] = {}
        await self._paced()
        while True:
            began = False
            try:
                async with self._open("POST", path, model, _json(body)) as response:
                    if response.status_code == 200:
                        began = True
                        yield response
                        return
                    raise self._failure(response, await self._read(response, model), model)
            except ModelUnavailable as error:
                wait = None if began else self._wait(error, made, 0.0)
                if wait is None:
                    raise
            await self._sleep(wait)

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, model: str, content: bytes | None = None, kind: str = "application/json"
    ) -> AsyncIterator[httpx2.Response]:
        sent = False
        try:
            with anyio.fail_after(self.patience.total_s):
                client = self._opened()
                headers = {"content-type": kind} if content is not None else {}
                if not self.keep_alive:
                    headers["connection"] = "close"
                request = client.build_request(method, self._url(path), content=content, headers=headers)
                response = await client.send(request, stream=True)
                self._pace.heard(response.headers, time.monotonic())
                sent = True
                try:
                    yield response
                finally:
                    await response.aclose()
        except httpx2.HTTPError as error:
            raise self._broken(error, model) from error
        except TimeoutError as error:
            raise ModelUnavailable(
                f"{model} at {self.where} took longer than {self.patience.total_s:g} s.",
                model=model,
                reason="timeout",
                billed=True,
            ) from error
        except httpx2.InvalidURL as error:
            assert not sent
            raise ModelRejected(f"{self.where!r} is not an address: {error}", model=model) from error

    async def _read(self, response: httpx2.Response, model: str, most: int | None = None) -> str:
        chunks, size = [], 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > (most or MOST_BYTES):
                raise ModelRejected(
                    f"{model} at {self.where} sent more than {(most or MOST_BYTES) >> 20} MiB, which no completion is.",
                    model=model,
                    status=response.status_code,
                )
            chunks.append(chunk)
        return b"".join(chunks).decode("utf-8", "replace")

    def _answered(self, response: httpx2.Response, text: str, model: str) -> Answered:
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        raw = raw_text(response.status_code, body)
        if raw is not None:
            return Answered(body={}, headers=response.headers, raw=raw)
        if response.status_code != 200 or not isinstance(body, dict):
            raise self._failure(response, text, model)
        if refused_inside(body):
            raise self.failed_inside(body, model)
        return Answered(body=body, headers=response.headers)

    def _failure(self, response: httpx2.Response, text: str, model: str) -> ModelError:
        text = secret_free(text, self._secrets)
        if 300 <= response.status_code < 400:
            target = secret_free(response.headers.get("location", "elsewhere"), self._secrets)
            return ModelRejected(
                f"{model} at {self.where} redirects to {target!r}, which is not followed since it would carry the key "
                "along. Use that address in the spec.",
                model=model,
                status=response.status_code,
            )
        return failure(response.status_code, response.headers, text, where=self.where, model=model)

    def failed_inside(self, body: Mapping[str, Any], model: str) -> ModelError:
        """The error that a server wrote into a 200, such as in the middle of a stream."""
        text = secret_free(json.dumps(body), self._secrets)
        return failure(status_inside(body), {}, text, where=self.where, model=model)

    def _broken(self, error: Exception, model: str) -> ModelUnavailable:
        reason, billed, words = _transport(error)
        detail = secret_free(str(error), self._secrets)
        return ModelUnavailable(
            f"{model} at {self.where} {words}{f' ({detail})' if detail else ''}.",
            model=model,
            reason=reason,
            billed=billed,
        )


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


@asynccontextmanager
async def _borrowed(limiter: anyio.CapacityLimiter) -> AsyncIterator[None]:
    borrower = object()  # a task may hold several calls of one endpoint, so the task itself cannot be the borrower
    await limiter.acquire_on_behalf_of(borrower)
    try:
        yield
    finally:
        limiter.release_on_behalf_of(borrower)


def _transport(error: Exception) -> tuple[Unavailable, bool, str]:
    if isinstance(error, httpx2.ConnectTimeout):
        return "refused", False, "cannot be reached in time. Check the address"
    if isinstance(error, httpx2.ConnectError):
        return "refused", False, "cannot be reached. Start the server, or check the address"
    if isinstance(error, httpx2.TimeoutException):
        return "timeout", True, "stopped answering"
    if isinstance(error, httpx2.UnsupportedProtocol):
        return "refused", False, "has no http:// or https:// address"
    return "disconnected", True, "broke the connection before the answer was whole"


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine."""
    return host == "localhost" or host.startswith("127.") or host == "::1"
