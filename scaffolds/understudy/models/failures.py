"""What a failed HTTP call means: wait and try again, never try again, or a completion in disguise.

Every message is free of keys, names the model and the address, and says what to do.
"""

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from understudy.errors import ModelError, ModelRejected, ModelUnavailable, WindowExceeded

SHOWN = 400  # characters of a server's message that are worth showing

_WINDOW = re.compile(
    r"exceed_context_size|context_length_exceeded|maximum context length|context (?:window|length|size)|"
    r"prompt is too long|input length and `max_tokens` exceed|max_prompt_tokens",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(r"model[^.]{0,80}(?:not found|does not exist|not exist|unknown|not loaded)", re.IGNORECASE)
_MINIMAX = {"1002": 429, "1004": 401, "1008": 402, "1026": 400, "1027": 400, "1039": 429, "2013": 400, "2049": 401}
_BUSY = {"1002", "1039", "1302", "1305", "rate_limit_exceeded", "rate_limit_error", "overloaded_error"}  # MiniMax, Z.ai
_QUOTA = re.compile(r"insufficient[_ ](?:quota|balance|credit)|exceeded your current quota", re.IGNORECASE)
_LOADING = re.compile(r"loading model|model is loading|currently loading", re.IGNORECASE)

# A server that parsed a model's own words and failed has answered; the words are in its error.
_RAW = (
    re.compile(r"Failed to parse input at pos \d+:\s?(?P<raw>.*)", re.DOTALL),  # llama.cpp
    re.compile(r"error parsing tool call: raw='(?P<raw>.*)', err=", re.DOTALL),  # Ollama
)
_PARSE = re.compile(r"failed to parse (?:input|tool call|messages|the model)|parse_error\.\d+", re.IGNORECASE)


def secret_free(text: str, secrets: tuple[str, ...]) -> str:
    """Blank every secret in a text that may be shown or stored."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    return text


def error_of(body: Any) -> tuple[str, str]:
    """Find (message, code) in an error body of any known shape; empty where there is none."""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error", body.get("detail", body.get("message", "")))
    status = body.get("base_resp")
    if not error and isinstance(status, dict) and status.get("status_code"):  # MiniMax answers 200 with this
        return str(status.get("status_msg", "")), str(status["status_code"])
    if isinstance(error, dict):
        meta = error.get("metadata")
        raw = meta.get("raw", "") if isinstance(meta, dict) else ""  # OpenRouter hides the provider's words here
        message = f"{error.get('message', '')} {raw}".strip()
        return message, str(error.get("code") or error.get("type") or "")
    return (error if isinstance(error, str) else json.dumps(error)), str(body.get("code", ""))


def status_inside(body: Any) -> int:
    """The status that an error written into a 200 stands for."""
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return code
    status = body.get("base_resp") if isinstance(body, dict) else None
    return _MINIMAX.get(str(status.get("status_code")), 502) if isinstance(status, dict) else 502


def refused_inside(body: Mapping[str, Any]) -> bool:
    """Whether a body that came with a 200 is an error."""
    status = body.get("base_resp")
    return bool(body.get("error")) or (isinstance(status, dict) and status.get("status_code", 0) != 0)


def raw_text(status: int, body: Any) -> str | None:
    """The model's own words, where an error is only a server's failure to parse them; None for a true error."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict) and isinstance(error.get("failed_generation"), str):  # Groq, also through OpenRouter
        return str(error["failed_generation"])
    message, _ = error_of(body)
    for pattern in _RAW:
        found = pattern.search(message)
        if found:
            return found["raw"]
    return "" if status == 500 and _PARSE.search(message) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from any header that says so."""
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds.isdecimal():
        return int(milliseconds) / 1000
    value = headers.get("retry-after", "")
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time(), 0.0)
    except (TypeError, ValueError):
        return None


def failure(status: int, headers: Mapping[str, str], text: str, *, where: str, model: str) -> ModelError:
    """Turn an HTTP status of 400 or more, or an error inside a 200, into the error it means.

    Args:
        status: The HTTP status.
        headers: The response's headers, names in lower case.
        text: The body, secret-free.
        where: The address, free of userinfo.
        model: The model's spec.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    message, code = error_of(body)
    said = _shown(message) if message else _page(text)
    about = f"{model} at {where} answered {status}{said}"
    if _QUOTA.search(f"{message} {code}"):
        return ModelRejected(f"{about} The account has no credit left.", model=model, status=status)
    if _WINDOW.search(f"{message} {code}") and status < 500:
        return WindowExceeded(f"{about} Send less, or load the model with a longer window.", model=model, status=status)
    if status in (429, 529) or code in _BUSY:
        return ModelUnavailable(
            f"{about} It is rate limited or overloaded; wait, or lower the concurrency.",
            model=model,
            retry_after_s=retry_after(headers),
            reason="rate_limited",
        )
    return _by_status(status, headers, message, about, model)


def _by_status(status: int, headers: Mapping[str, str], message: str, about: str, model: str) -> ModelError:
    wait = retry_after(headers)
    if status == 503 and _LOADING.search(message):
        return ModelUnavailable(f"{about} It is still loading.", model=model, retry_after_s=wait, reason="loading")
    if status < 400:
        return ModelRejected(
            f"{about} Check that this is the API's address; it usually ends in /v1.", model=model, status=status
        )
    if status >= 500 or status in (408, 409, 425):
        return ModelUnavailable(f"{about} Look at the server's log.", model=model, retry_after_s=wait)
    if status in (401, 403):
        return ModelRejected(f"{about} Check the key.", model=model, status=status)
    if status == 413:
        return WindowExceeded(f"{about} The request is too large.", model=model, status=status)
    if status == 404 or _NO_MODEL.search(message):
        return ModelRejected(f"{about} Check the model's name and the address.", model=model, status=404)
    return ModelRejected(
        f"{about} The request itself was refused; another try cannot help.", model=model, status=status
    )


def _shown(message: str) -> str:
    message = " ".join(message.split())
    cut = message if len(message) <= SHOWN else message[:SHOWN] + " …"
    return f": {cut}" if cut.endswith((".", "!", "…")) else f": {cut}."


def _page(text: str) -> str:
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html")):
        return " with a web page, not JSON."
    return _shown(text) if text.strip() else " with an empty body."
