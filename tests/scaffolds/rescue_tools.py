"""The tools that are offered with the shapes of the corpus of malformed calls."""

from typing import Any

from understudy.problem import Tool


def _tool(name: str, required: tuple[str, ...] = (), **properties: Any) -> Tool:
    described = {key: {"type": kind} if isinstance(kind, str) else kind for key, kind in properties.items()}
    return Tool(name=name, parameters={"type": "object", "properties": described, "required": list(required)})


TEXTS = {"type": "array", "items": {"type": "string"}}
TOOLS = (
    _tool("weather", ("city",), city="string", days="integer", metric="boolean"),
    _tool("write_file", ("path", "content"), path="string", content="string"),
    _tool("search", ("query",), query="string", limit="integer", tags=TEXTS),
    _tool("book", ("passenger",), passenger="object", price="number"),
    _tool("now"),
)
OFFICE = (
    _tool(
        "get_weather",
        ("city",),
        city="string",
        unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
        days="integer",
    ),
    _tool("read_file", ("path",), path="string", start_line="integer", end_line="integer"),
    _tool("write_file", ("path", "content"), path="string", content="string", overwrite="boolean"),
    _tool("run_command", ("command",), command="string", timeout="number", background="boolean"),
    _tool("search_docs", ("query",), query="string", top_k="integer", tags=TEXTS, filters="object"),
    _tool("send_email", ("to", "subject"), to=TEXTS, subject="string", body="string"),
    _tool("get_time"),
    _tool("calculate", ("expression",), expression="string"),
    _tool("edit_file", ("path", "old_text", "new_text"), path="string", old_text="string", new_text="string"),
    _tool("web-search", ("query",), query="string", limit="integer"),
    _tool("convert_currency", ("amount", "from", "to"), amount="number", **{"from": "string"}, to="string"),
    _tool(
        "create_issue",
        ("title",),
        title="string",
        body="string",
        labels=TEXTS,
        assignee={"type": ["string", "null"]},
        meta={"type": "object", "properties": {"priority": {"type": "integer"}, "estimate": {"type": "number"}}},
    ),
    _tool("list_dir", (), path="string"),
    _tool(
        "book_table",
        ("restaurant", "time", "guests"),
        restaurant="string",
        time="string",
        guests="integer",
        outdoor="boolean",
        notes="string",
    ),
)
HOME = (
    _tool(
        "turn_on_light",
        ("room",),
        room="string",
        brightness="integer",
        color={"type": "string", "enum": ["white", "red", "blue"]},
    ),
    _tool("query_database", ("sql",), sql="string", limit="integer"),
    _tool(
        "create_event",
        ("title", "start"),
        title="string",
        start="string",
        end="string",
        attendees={
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "email": {"type": "string"}}},
        },
        reminder="boolean",
    ),
    _tool("translate", ("text", "target_language"), text="string", target_language="string", formal="boolean"),
    _tool("get_stock_price", ("symbol",), symbol="string"),
    _tool(
        "http_request",
        ("url",),
        url="string",
        method={"type": "string", "enum": ["GET", "POST"]},
        headers="object",
        body="string",
    ),
    _tool("set_timer", ("minutes",), minutes="number", label="string"),
    _tool("apply_patch", ("patch",), patch="string"),
    _tool("git_commit", ("message",), message="string", files=TEXTS),
    _tool("memory_search", ("query",), query="string", k="integer"),
    _tool("ping"),
    _tool(
        "search_flights",
        ("origin", "destination", "date"),
        origin="string",
        destination="string",
        date="string",
        passengers="integer",
    ),
)
CODING = (
    _tool("search", ("query",), query="string", max_results="integer", site="string"),
    _tool("read", ("filePath",), filePath="string", offset="integer", limit="integer"),
    _tool("bash", ("command",), command="string", timeout="integer", description="string"),
    _tool(
        "edit",
        ("filePath", "oldString", "newString"),
        filePath="string",
        oldString="string",
        newString="string",
        replaceAll="boolean",
    ),
    _tool(
        "todowrite",
        ("todos",),
        todos={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "content": {"type": "string"},
                    "status": {"type": "string"},
                    "priority": {"type": "integer"},
                },
            },
        },
    ),
    _tool("fs__list_directory", ("path",), path="string", depth="integer"),
    _tool("add", ("a", "b"), a="number", b="number"),
    _tool("now"),
    _tool("notify", ("message",), message="string", level={"type": "string", "enum": ["info", "warn"]}, channels=TEXTS),
    _tool("get_user_info", ("user_id",), user_id="integer", fields=TEXTS),
)
