"""A scripted model behind an endpoint of the responses kind, which is the only one that Codex speaks."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.clients.installed import Scripted, served


@contextmanager
def responses_endpoint(tool: str, arguments: Mapping[str, Any]) -> Generator[tuple[str, list[dict[str, Any]]]]:
    """The URL of a model that calls `tool` once where it is offered and repeats what it said, and its requests."""
    requests: list[dict[str, Any]] = []

    class Handler(Scripted):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            requests.append(asked)
            item = _item(asked, tool, arguments)
            usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
            events: list[dict[str, Any]] = [
                {"type": "response.created", "response": {"id": "r1"}},
                {"type": "response.output_item.done", "output_index": 0, "item": item},
                {"type": "response.completed", "response": {"id": "r1", "output": [item], "usage": usage}},
            ]
            self.reply(
                "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events), "text/event-stream"
            )

    with served(Handler) as address:
        yield address, requests


def _item(asked: dict[str, Any], tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    said = [one["output"] for one in asked["input"] if one.get("type") == "function_call_output"]
    if said:
        return _text(f"The tool said: {said[-1] if isinstance(said[-1], str) else json.dumps(said[-1])}")
    call = {"type": "function_call", "id": "f1", "call_id": "call_1", "name": tool, "arguments": json.dumps(arguments)}
    # A server's tools come as a namespace, which a call has to name, and a hyphen comes as an underscore.
    spaces = [one for one in asked.get("tools", ()) if one["type"] == "namespace"]
    for namespace, name in [(space["name"], offered["name"]) for space in spaces for offered in space["tools"]]:
        if name.replace("-", "_") == tool.replace("-", "_"):
            return {**call, "name": name, "namespace": namespace}
    return _text("that tool is not offered")


def _text(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": content}
