# ruff: noqa: E501 (a completion is one line, as it was written)
"""Malformed tool calls in the shapes in which real models and servers write them, and texts that only look like calls.

Each row: its name (family or thread it was seen in, and what is wrong), the completion, and the calls that are meant.
The wording and values are our own; the shapes are those of the models' chat templates, parsers and bug reports.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from understudy.problem import Tool, ToolCall


class Shape(NamedTuple):
    """A completion, and what it means; None means that a call is meant but cannot be known for sure."""

    name: str
    text: str
    expected: tuple[tuple[str, dict[str, Any]], ...] | None
    calls: tuple[ToolCall, ...] = ()
    complete: bool = True


def _tool(name: str, required: tuple[str, ...] = (), **properties: Any) -> Tool:
    described = {key: {"type": kind} if isinstance(kind, str) else kind for key, kind in properties.items()}
    return Tool(
        name=name,
        parameters={"type": "object", "properties": described, "required": list(required)},
    )


TOOLS = (
    _tool("weather", ("city",), city="string", days="integer", metric="boolean"),
    _tool("write_file", ("path", "content"), path="string", content="string"),
    _tool("search", ("query",), query="string", limit="integer", tags={"type": "array", "items": {"type": "string"}}),
    _tool("book", ("passenger",), passenger="object", price="number"),
    _tool("now"),
)
ROME: tuple[tuple[str, dict[str, Any]], ...] = (("weather", {"city": "Rome"}),)
ROME3: tuple[tuple[str, dict[str, Any]], ...] = (("weather", {"city": "Rome", "days": 3}),)
BOTH: tuple[tuple[str, dict[str, Any]], ...] = (("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"}))
R = '{"name": "weather", "arguments": {"city": "Rome"}}'
O = '{"name": "weather", "arguments": {"city": "Oslo"}}'  # noqa: E741 (two cities, two letters)
R3 = '{"name": "weather", "arguments": {"city": "Rome", "days": 3}}'


def native(name: str, arguments: str, complete: bool = True) -> dict[str, Any]:
    return {"text": "", "calls": (ToolCall(name=name, arguments=arguments, id="c1"),), "complete": complete}


TAGGED = [
    Shape("hermes, qwen 2.5: the tags stayed in the text", f"<tool_call>\n{R}\n</tool_call>", ROME),
    Shape("qwen 2.5: words before the tags", f"I will look it up.\n<tool_call>\n{R}\n</tool_call>", ROME),
    Shape("qwen 2.5: no closing tag", f"<tool_call>\n{R}", ROME),
    Shape("qwen 2.5: no opening tag", f"{R}\n</tool_call>", ROME),
    Shape("qwen 2.5: the opening tag twice", f"<tool_call>\n<tool_call>\n{R}\n</tool_call>", ROME),
    Shape("qwen 2.5: two calls", f"<tool_call>\n{R}\n</tool_call>\n<tool_call>\n{O}\n</tool_call>", BOTH),
    Shape("qwen 2.5: two calls in one tag", f"<tool_call>\n{R}\n{O}\n</tool_call>", BOTH),
    Shape("qwen 2.5: a brace too many", f"<tool_call>\n{R}}}\n</tool_call>", ROME),
    Shape("qwen 2.5: the last brace is missing", f"<tool_call>\n{R[:-1]}\n</tool_call>", ROME),
    Shape("qwen 2.5: both braces are missing", f"<tool_call>\n{R[:-2]}\n</tool_call>", ROME),
    Shape("qwen 3: after thinking", f"<think>\nI need the weather.\n</think>\n\n<tool_call>\n{R}\n</tool_call>", ROME),
    Shape("qwen 3: doubled braces of its template", "<tool_call>\n{{" + R[1:-1] + "}}\n</tool_call>", ROME),
    Shape("hermes 3: closed with the end of a turn", f"<tool_call>\n{R}\n<|im_end|>", ROME),
    Shape(
        "hermes 2: single quotes", "<tool_call>\n{'name': 'weather', 'arguments': {'city': 'Rome'}}\n</tool_call>", ROME
    ),
    Shape(
        "hermes 2: arguments before the name",
        '<tool_call>{"arguments": {"city": "Rome"}, "name": "weather"}</tool_call>',
        ROME,
    ),
    Shape(
        "qwen: arguments as a JSON string",
        '<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Rome\\"}"}</tool_call>',
        ROME,
    ),
    Shape(
        "qwen: parameters instead of arguments",
        '<tool_call>{"name": "weather", "parameters": {"city": "Rome"}}</tool_call>',
        ROME,
    ),
    Shape("qwen: the name, then only the arguments", '<tool_call>\nweather\n{"city": "Rome"}\n</tool_call>', ROME),
    Shape("qwen: name and arguments on one line", '<tool_call>weather {"city": "Rome"}</tool_call>', ROME),
    Shape("qwen: the tool as the only key", '<tool_call>{"weather": {"city": "Rome"}}</tool_call>', ROME),
    Shape("qwen: fenced inside the tags", f"<tool_call>\n```json\n{R}\n```\n</tool_call>", ROME),
    Shape("qwen: a list inside the tags", f"<tool_call>\n[{R}, {O}]\n</tool_call>", BOTH),
    Shape("tags written as entities", f"&lt;tool_call&gt;{R}&lt;/tool_call&gt;", ROME),
    Shape("nemotron", f"<TOOLCALL>[{R}]</TOOLCALL>", ROME),
    Shape("jamba, hunyuan", f"<tool_calls>[{R}]</tool_calls>", ROME),
    Shape("granite 3", f"<|tool_call|>[{R}]", ROME),
    Shape("granite 4, closed", f"<|tool_call|>{R}<|/tool_call|>", ROME),
    Shape("phi 4 mini", f"<|tool_call|>[{R}]<|/tool_call|>", ROME),
    Shape("phi 4, firefunction: functools", f"functools[{R}]", ROME),
    Shape(
        "internlm", '<|action_start|><|plugin|>{"name": "weather", "parameters": {"city": "Rome"}}<|action_end|>', ROME
    ),
    Shape(
        "command r",
        '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "weather", "parameters": {"city": "Rome"}}]<|END_ACTION|>',
        ROME,
    ),
    Shape("command r, older", 'Action: ```json\n[{"tool_name": "weather", "parameters": {"city": "Rome"}}]\n```', ROME),
    Shape("apertus", '<|tools_prefix|>[{"weather": {"city": "Rome"}}]<|tools_suffix|>', ROME),
    Shape("function_call as a tag", f"<function_call>{R}</function_call>", ROME),
    Shape(
        "smollm 3: trailing comma", '<tool_call>{"name": "weather", "arguments": {"city": "Rome",},}</tool_call>', ROME
    ),
]

XML = [
    Shape(
        "qwen 3 coder",
        "<tool_call>\n<function=weather>\n<parameter=city>\nRome\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
        ROME3,
    ),
    Shape(
        "qwen 3 coder: no outer tag",
        "<function=weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n</tool_call>",
        ROME,
    ),
    Shape(
        "qwen 3 coder: a parameter is not closed",
        "<tool_call>\n<function=weather>\n<parameter=city>\nRome\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
        ROME3,
    ),
    Shape(
        "qwen 3 coder: the function is not closed",
        "<tool_call>\n<function=weather>\n<parameter=city>\nRome\n</parameter>\n</tool_call>",
        ROME,
    ),
    Shape(
        "qwen 3 coder: closing tags with names",
        "<function=weather>\n<parameter=city>Rome</parameter=city>\n</function>",
        ROME,
    ),
    Shape("qwen 3 coder: quoted names", '<function="weather"><parameter="city">Rome</parameter></function>', ROME),
    Shape(
        "qwen 3 coder: code in a parameter",
        '<function=write_file>\n<parameter=path>\na.py\n</parameter>\n<parameter=content>\nif a < b:\n    print("x")\n</parameter>\n</function>',
        (("write_file", {"path": "a.py", "content": 'if a < b:\n    print("x")'}),),
    ),
    Shape(
        "qwen 3 coder: a list in a parameter",
        '<function=search><parameter=query>x</parameter><parameter=tags>["a", "b"]</parameter></function>',
        (("search", {"query": "x", "tags": ["a", "b"]}),),
    ),
    Shape(
        "qwen 3 coder: Python's True",
        "<function=weather><parameter=city>Rome</parameter><parameter=metric>True</parameter></function>",
        (("weather", {"city": "Rome", "metric": True}),),
    ),
    Shape(
        "qwen 3 coder: digits in a text stay a text",
        "<function=weather><parameter=city>1040</parameter></function>",
        (("weather", {"city": "1040"}),),
    ),
    Shape(
        "qwen 3 coder: two calls",
        "<function=weather><parameter=city>Rome</parameter></function><function=weather><parameter=city>Oslo</parameter></function>",
        BOTH,
    ),
    Shape("qwen 3 coder: no parameters", "<tool_call>\n<function=now>\n</function>\n</tool_call>", (("now", {}),)),
    Shape(
        "seed oss",
        "<seed:tool_call>\n<function=weather>\n<parameter=city>Rome</parameter>\n</function>\n</seed:tool_call>",
        ROME,
    ),
    Shape("llama 3: a function tag around JSON", '<function=weather>{"city": "Rome"}</function>', ROME),
    Shape("llama 3: and without its end", '<function=weather>{"city": "Rome"}', ROME),
    Shape("llama 3: and with the end of a turn", '<function=weather>{"city": "Rome"}<|eot_id|>', ROME),
    Shape(
        "minimax m2",
        '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="city">Rome</parameter>\n<parameter name="days">3</parameter>\n</invoke>\n</minimax:tool_call>',
        ROME3,
    ),
    Shape(
        "minimax m2: no outer tag", '<invoke name="weather">\n<parameter name="city">Rome</parameter>\n</invoke>', ROME
    ),
    Shape(
        "claude 2 form",
        '<function_calls>\n<invoke name="weather">\n<parameter name="city">Rome</parameter>\n</invoke>\n</function_calls>',
        ROME,
    ),
    Shape(
        "deepseek v3.2",
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weather">\n<｜DSML｜parameter name="city" string="true">Rome</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">3</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
        ROME3,
    ),
    Shape(
        "step 3",
        '<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="weather"><steptml:parameter name="city">Rome</steptml:parameter></steptml:invoke><｜tool_call_end｜>',
        ROME,
    ),
    Shape(
        "glm 4.5",
        "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
        ROME3,
    ),
    Shape(
        "glm 4.6: on one line", "<tool_call>weather<arg_key>city</arg_key><arg_value>Rome</arg_value></tool_call>", ROME
    ),
    Shape(
        "glm 4.5: no closing tag", "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n", ROME
    ),
    Shape(
        "glm 4.5: no opening tag", "weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n</tool_call>", ROME
    ),
    Shape(
        "glm 4.5: two calls",
        "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n</tool_call>\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n</tool_call>",
        BOTH,
    ),
]

MARKED = [
    Shape("mistral 7b v0.3", f"[TOOL_CALLS][{R}]", ROME),
    Shape("mistral: two calls", f"[TOOL_CALLS] [{R}, {O}]", BOTH),
    Shape("mistral small 3.2", '[TOOL_CALLS]weather[ARGS]{"city": "Rome"}', ROME),
    Shape(
        "mistral small 3.2: two calls",
        '[TOOL_CALLS]weather[ARGS]{"city": "Rome"}[TOOL_CALLS]weather[ARGS]{"city": "Oslo"}',
        BOTH,
    ),
    Shape("devstral: with a call id", '[TOOL_CALLS]weather[CALL_ID]123456789[ARGS]{"city": "Rome"}', ROME),
    Shape("mistral nemo: name and JSON", '[TOOL_CALLS]weather{"city": "Rome"}</s>', ROME),
    Shape("llama 3.1", '<|python_tag|>{"name": "weather", "parameters": {"city": "Rome"}}<|eom_id|>', ROME),
    Shape("llama 3.1: as a call of Python", '<|python_tag|>weather.call(city="Rome")<|eom_id|>', ROME),
    Shape("llama 3.2: bare JSON", '{"name": "weather", "parameters": {"city": "Rome"}}', ROME),
    Shape("llama 3.2: type function", '{"type": "function", "name": "weather", "parameters": {"city": "Rome"}}', ROME),
    Shape("llama 3.2: numbers as texts", '{"name": "weather", "parameters": {"city": "Rome", "days": "3"}}', ROME3),
    Shape(
        "llama 3.2: two objects with a semicolon",
        '{"name": "weather", "parameters": {"city": "Rome"}}; {"name": "weather", "parameters": {"city": "Oslo"}}',
        BOTH,
    ),
    Shape("llama 4: pythonic", '[weather(city="Rome", days=3)]', ROME3),
    Shape("llama 4: two calls", "[weather(city='Rome'), weather(city='Oslo')]", BOTH),
    Shape("lfm 2", '<|tool_call_start|>[weather(city="Rome")]<|tool_call_end|>', ROME),
    Shape("olmo 3", '<function_calls>\nweather(city="Rome")\n</function_calls>', ROME),
    Shape(
        "olmo 3: two calls on two lines",
        '<function_calls>\nweather(city="Rome")\nweather(city="Oslo")\n</function_calls>',
        BOTH,
    ),
    Shape("gemma 3: tool_code", '```tool_code\nprint(default_api.weather(city="Rome"))\n```', ROME),
    Shape(
        "gemma 3: without print",
        '```tool_code\nweather(city="Rome", metric=True)\n```',
        (("weather", {"city": "Rome", "metric": True}),),
    ),
    Shape("gemma 3: one argument by position", '```tool_code\nweather("Rome")\n```', ROME),
    Shape(
        "gemma 3: JSON's words in Python",
        '```tool_code\nweather(city="Rome", metric=true)\n```',
        (("weather", {"city": "Rome", "metric": True}),),
    ),
    Shape("gemini: tool_code as a tag", '<tool_code>print(default_api.weather(city="Rome"))</tool_code>', ROME),
    Shape(
        "functiongemma", "<start_function_call>call:weather{city:<escape>Rome<escape>,days:3}<end_function_call>", ROME3
    ),
    Shape("gemma 4", '<|tool_call>call:weather{city:<|"|>Rome<|"|>}<tool_call|>', ROME),
    Shape(
        "deepseek r1",
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": "Rome"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        ROME,
    ),
    Shape(
        "deepseek v3.1",
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{"city": "Rome"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        ROME,
    ),
    Shape(
        "deepseek v3: only the inner marks",
        '<｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": "Rome"}\n```<｜tool▁call▁end｜>',
        ROME,
    ),
    Shape(
        "kimi k2",
        '<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{"city": "Rome"}<|tool_call_end|><|tool_calls_section_end|>',
        ROME,
    ),
    Shape(
        "kimi k2: no section",
        '<|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{"city": "Rome"}<|tool_call_end|>',
        ROME,
    ),
    Shape(
        "gpt-oss",
        '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Rome"}<|call|>',
        ROME,
    ),
    Shape(
        "gpt-oss: recipient before the channel",
        '<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>{"city": "Rome"}<|call|>',
        ROME,
    ),
    Shape("gpt-oss: no end", '<|channel|>commentary to=functions.weather<|message|>{"city": "Rome"}', ROME),
    Shape("functionary", '>>>weather\n{"city": "Rome"}', ROME),
    Shape("react", 'Thought: I need the weather.\nAction: weather\nAction Input: {"city": "Rome"}', ROME),
    Shape(
        "react: with an observation it made up",
        'Action: weather\nAction Input: {"city": "Rome"}\nObservation: It is sunny.',
        ROME,
    ),
    Shape("langchain's action object", '```json\n{"action": "weather", "action_input": {"city": "Rome"}}\n```', ROME),
    Shape("labels of its own", 'Tool: weather\nArguments: {"city": "Rome"}', ROME),
]

BARE = [
    Shape("a JSON fence", f"```json\n{R}\n```", ROME),
    Shape("a JSON fence after a sentence", f"Let me check the weather.\n\n```json\n{R}\n```", ROME),
    Shape("a fence without a language", f"```\n{R}\n```", ROME),
    Shape("a fence that is not closed", f"```json\n{R}", ROME),
    Shape("two fences", f"```json\n{R}\n```\n```json\n{O}\n```", BOTH),
    Shape("xlam: a list", f"[{R}, {O}]", BOTH),
    Shape(
        "openai's own form as text",
        '{"tool_calls": [{"id": "x", "type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Rome\\"}"}}]}',
        ROME,
    ),
    Shape(
        "function around name and arguments", '{"function": {"name": "weather", "arguments": {"city": "Rome"}}}', ROME
    ),
    Shape("function as the name", '{"function": "weather", "args": {"city": "Rome"}}', ROME),
    Shape("tool and input", '{"tool": "weather", "input": {"city": "Rome"}}', ROME),
    Shape("tool_name and tool_input", '{"tool_name": "weather", "tool_input": {"city": "Rome"}}', ROME),
    Shape(
        "another spelling of the name",
        '{"name": "Write-File", "arguments": {"path": "a", "content": "b"}}',
        (("write_file", {"path": "a", "content": "b"}),),
    ),
    Shape("a sentence, then the object", f"I'll call the weather tool now: {R}", ROME),
    Shape(
        "a line break inside a text",
        '{"name": "write_file", "arguments": {"path": "a.txt", "content": "one\ntwo"}}',
        (("write_file", {"path": "a.txt", "content": "one\ntwo"}),),
    ),
    Shape(
        "quotes inside a text",
        '{"name": "write_file", "arguments": {"path": "a.py", "content": "print("hi")"}}',
        (("write_file", {"path": "a.py", "content": 'print("hi")'}),),
    ),
    Shape("a comment", '{"name": "weather", // the tool\n "arguments": {"city": "Rome"}}', ROME),
    Shape("keys without quotes", '{name: "weather", arguments: {city: "Rome", days: 3}}', ROME3),
    Shape("curly quotes", "{“name”: “weather”, “arguments”: {“city”: “Rome”}}", ROME),
    Shape("Python's None", "{'name': 'now', 'arguments': None}", (("now", {}),)),
    Shape("a missing comma", '{"name": "weather" "arguments": {"city": "Rome" "days": 3}}', ROME3),
]

NATIVE = [
    Shape("native: trailing comma", expected=ROME, **native("weather", '{"city": "Rome",}')),
    Shape("native: single quotes", expected=ROME, **native("weather", "{'city': 'Rome'}")),
    Shape("native: the brace is missing", expected=ROME3, **native("weather", '{"city": "Rome", "days": 3')),
    Shape("native: a brace too many", expected=ROME, **native("weather", '{"city": "Rome"}}')),
    Shape("native: fenced", expected=ROME, **native("weather", '```json\n{"city": "Rome"}\n```')),
    Shape("native: JSON in a string", expected=ROME, **native("weather", '"{\\"city\\": \\"Rome\\"}"')),
    Shape(
        "native: JSON in a string in a string",
        expected=ROME,
        **native("weather", '"\\"{\\\\\\"city\\\\\\": \\\\\\"Rome\\\\\\"}\\""'),
    ),
    Shape("native: in a list", expected=ROME, **native("weather", '[{"city": "Rome"}]')),
    Shape(
        "native: twice the same (openrouter)", expected=ROME, **native("weather", '{"city": "Rome"}{"city": "Rome"}')
    ),
    Shape("native: an empty object before the real one", expected=ROME, **native("weather", '{}{"city": "Rome"}')),
    Shape("native: in an envelope", expected=ROME, **native("weather", '{"arguments": {"city": "Rome"}}')),
    Shape("native: the whole call in the arguments", expected=ROME, **native("weather", R)),
    Shape(
        "native: in the schema's own envelope", expected=ROME, **native("weather", '{"properties": {"city": "Rome"}}')
    ),
    Shape("native: a label before it", expected=ROME, **native("weather", 'arguments: {"city": "Rome"}')),
    Shape("native: a mark behind it", expected=ROME, **native("weather", '{"city": "Rome"}<|im_end|>')),
    Shape("native: a tag behind it", expected=ROME, **native("weather", '{"city": "Rome"}</tool_call>')),
    Shape("native: entities", expected=ROME, **native("weather", "{&quot;city&quot;: &quot;Rome&quot;}")),
    Shape("native: keys without quotes", expected=ROME3, **native("weather", "{city: 'Rome', days: 3}")),
    Shape("native: numbers as texts", expected=ROME3, **native("weather", '{"city": "Rome", "days": "3"}')),
    Shape(
        "native: a boolean as a text",
        expected=(("weather", {"city": "Rome", "metric": False}),),
        **native("weather", '{"city": "Rome", "metric": "false"}'),
    ),
    Shape(
        "native: a list as a text",
        expected=(("search", {"query": "x", "tags": ["a"]}),),
        **native("search", '{"query": "x", "tags": "[\\"a\\"]"}'),
    ),
    Shape(
        "native: an object as a text",
        expected=(("book", {"passenger": {"age": 4}}),),
        **native("book", '{"passenger": "{\\"age\\": 4}"}'),
    ),
    Shape("native: a whole number as a float", expected=ROME3, **native("weather", '{"city": "Rome", "days": 3.0}')),
    Shape("native: nothing, for a tool that wants nothing", expected=(("now", {}),), **native("now", "")),
    Shape("native: null, for a tool that wants nothing", expected=(("now", {}),), **native("now", "null")),
    Shape(
        "native: gpt-oss leaks its channel into the name",
        expected=ROME,
        **native("weather<|channel|>commentary", '{"city": "Rome"}'),
    ),
    Shape("native: a namespace in the name", expected=ROME, **native("functions.weather", '{"city": "Rome"}')),
    Shape("native: a server in the name", expected=ROME, **native("mcp__local__weather", '{"city": "Rome"}')),
    Shape("native: a number behind the name", expected=ROME, **native("functions.weather:0", '{"city": "Rome"}')),
    Shape("native: spaces around the name", expected=ROME, **native(" weather ", '{"city": "Rome"}')),
    Shape("native: the call as the name", expected=ROME, **native(R, "")),
    Shape("native: the arguments in the name", expected=ROME, **native('weather({"city": "Rome"})', "{}")),
    Shape("native: no name, the call in the arguments", expected=ROME, **native("", R)),
    Shape(
        "native: a line break in a text",
        expected=(("write_file", {"path": "a", "content": "x\ny"}),),
        **native("write_file", '{"path": "a", "content": "x\ny"}'),
    ),
    Shape(
        "native: a backslash that is no escape",
        expected=(("search", {"query": "\\d+"}),),
        **native("search", '{"query": "\\d+"}'),
    ),
    Shape(
        "native: Python's words",
        expected=(("weather", {"city": "Rome", "metric": True}),),
        **native("weather", '{"city": "Rome", "metric": True}'),
    ),
    Shape("native: an arrow for a colon", expected=ROME, **native("weather", '{"city" => "Rome"}')),
    Shape("native: byte order mark", expected=ROME, **native("weather", '\ufeff{"city": "Rome"}')),
]

# Written down after the reader was, to see what it had not been made for: it read 12 of these and 3 it still does not.
LATER = [
    Shape("a closing tag that breaks off", f"<tool_call>\n{R}\n</tool_call", ROME),
    Shape("the opening mark at both ends", f"<|tool_call|>{R}<|tool_call|>", ROME),
    Shape("tags inside an XML fence", f"```xml\n<tool_call>\n{R}\n</tool_call>\n```", ROME),
    Shape("bare JSON and the end of a turn", f"{R}<|im_end|>", ROME),
    Shape("the next turn begins behind it", f"<tool_call>{R}</tool_call><|im_end|>\n<|im_start|>assistant", ROME),
    Shape("in words, with arguments", 'Calling tool: weather with arguments {"city": "Rome"}', ROME),
    Shape("a function of JavaScript", 'weather({"city": "Rome"})', ROME),
    Shape("a function of Python and nothing else", 'weather(city="Rome")', ROME),
    Shape("a function of Python in a fence and nothing else", '```python\nweather(city="Rome")\n```', ROME),
    Shape("tool_calls around it", '{"tool_calls": [' + R + "]}", ROME),
    Shape("qwen 2.5 coder: tools as the tag", f"<tools>{R}</tools>", ROME),
    Shape("tool and args as tags", '<tool>weather</tool><args>{"city":"Rome"}</args>', ROME),
    Shape("cline, roo: the tool as a tag", "<weather>\n<city>Rome</city>\n<days>3</days>\n</weather>", ROME3),
    Shape(
        "openai's form of one call",
        '{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\\"city\\":\\"Rome\\"}"}}',
        ROME,
    ),
    Shape("function_call with a name", '<function_call name="weather">{"city":"Rome"}</function_call>', ROME),
    Shape("a list with arguments as text", '[{"name":"weather","arguments":"{\\"city\\": \\"Rome\\"}"}]', ROME),
    Shape("react with a function of Python", 'Action: weather(city="Rome")', ROME),
    Shape(
        "name and arguments as tags",
        '<tool_call>\n<name>weather</name>\n<arguments>{"city": "Rome"}</arguments>\n</tool_call>',
        ROME,
    ),
    Shape("tool_call with a name", '<tool_call name="weather">{"city":"Rome"}</tool_call>', ROME),
    Shape("arguments beside the tool", '<tool_call>{"tool": "weather", "city": "Rome"}</tool_call>', ROME),
    Shape("the tool as the only key, bare", '{"weather": {"city": "Rome"}}', ROME),
    Shape("a label in capitals", "TOOL_CALL: " + R, ROME),
    Shape("a bold label and a fence", '**Tool call:** weather\n```json\n{"city": "Rome"}\n```', ROME),
    Shape("tool_calls as a mark", "<|tool_calls|>[" + R + "]", ROME),
    Shape("gpt-oss: its marks were stripped", 'assistant to=functions.weather json\n{"city": "Rome"}', ROME),
    Shape("gpt-oss: stripped, on one line", 'commentary to=functions.weather json{"city":"Rome"}', ROME),
    Shape("invoke around JSON", '<invoke name="weather">{"city": "Rome"}</invoke>', ROME),
]

MEANT = [*TAGGED, *XML, *MARKED, *BARE, *NATIVE, *LATER]
"""Calls that are meant and can be read."""

LOST = [
    Shape("cut in a text", '<tool_call>{"name": "weather", "arguments": {"city": "Ro', None),
    Shape(
        "cut after a number by the token limit",
        '<tool_call>{"name": "weather", "arguments": {"city": "Rome", "days": 1',
        None,
        complete=False,
    ),
    Shape("cut before the closers by the token limit", f"<tool_call>{R[:-2]}", None, complete=False),
    Shape(
        "coder: cut in a parameter by the token limit",
        "<function=write_file><parameter=path>a</parameter><parameter=content>half a fi",
        None,
        complete=False,
    ),
    Shape("native: cut in a text", expected=None, **native("write_file", '{"path": "a", "content": "half a fi')),
    Shape(
        "native: cut by the token limit",
        expected=None,
        **native("weather", '{"city": "Rome", "days": 1', complete=False),
    ),
    Shape("native: nothing, for a tool that wants something", expected=None, **native("weather", "")),
    Shape("native: an unknown tool", expected=None, **native("delete_everything", '{"path": "/"}')),
    Shape("native: two objects that differ", expected=None, **native("weather", '{"city": "Rome"}{"city": "Oslo"}')),
    Shape("native: a key that says two things", expected=None, **native("weather", '{"city": "Rome", "city": "Oslo"}')),
    Shape("native: a key that is no parameter", expected=None, **native("weather", '{"town": "Rome"}')),
    Shape(
        "native: backslashes that may be escapes",
        expected=None,
        **native("write_file", '{"path": "C:\\dir\\new", "content": "x"}'),
    ),
    Shape("native: prose", expected=None, **native("weather", "the weather in Rome, please")),
    Shape("native: by position, several parameters", expected=None, **native("write_file", '["a", "b"]')),
    Shape("native: NaN", expected=None, **native("book", '{"passenger": {}, "price": NaN}')),
    Shape("tags around prose", "<tool_call>check the weather in Rome</tool_call>", None),
    Shape(
        "one of two calls is broken",
        f'<tool_call>{R}</tool_call><tool_call>{{"name": "weather", "arguments": {{"city": "Os</tool_call>',
        None,
    ),
    Shape("pythonic: by position, several could be meant", '```tool_code\nwrite_file("a", "b")\n```', None),
    Shape("pythonic: an expression", "```tool_code\nweather(city=get_city())\n```", None),
    Shape("an unknown tool in tags", '<tool_call>{"name": "rm", "arguments": {"path": "/"}}</tool_call>', None),
]
"""A call is meant, and what it says cannot be known for sure."""

TALK = [
    Shape("an answer", "It is sunny in Rome.", ()),
    Shape("an empty answer", "", ()),
    Shape("a call in prose", 'You could call weather(city="Rome") to find out.', ()),
    Shape("an example", f"For example, you can write:\n```json\n{R}\n```", ()),
    Shape(
        "an example with words behind it", f"A call looks like this:\n```json\n{R}\n```\nand the server answers.", ()
    ),
    Shape("a warning", f"Never send something like this: {R}", ()),
    Shape("a hypothetical call", f"If you wanted Rome I would call {R}", ()),
    Shape("the tag is mentioned", "I must not write `<tool_call>` here.", ()),
    Shape("data with a name", '{"name": "Anna", "arguments": {"age": 4}}', ()),
    Shape("data with a tool's name and other keys", '{"name": "weather", "arguments": {"icon": "sun"}}', ()),
    Shape(
        "a tool's definition",
        '{"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}',
        (),
    ),
    Shape("a required argument is missing", '{"name": "weather", "arguments": {"days": 3}}', ()),
    Shape("a list of data", '[{"city": "Rome", "temperature": 21}, {"city": "Oslo", "temperature": 4}]', ()),
    Shape("a Python program", '```python\nprint(weather(city="Rome"))\n```', ()),
    Shape("a Python list", "[1, 2, 3]", ()),
    Shape("a call only in thinking", f"<think>Maybe <tool_call>{R}</tool_call>?</think>No need: it is sunny.", ()),
    Shape("a quoted result", f'The log says: "{R}" and then nothing.', ()),
    Shape(
        "an object in the middle of an explanation",
        f"The client sent {R} and got an error, because the key was wrong.",
        (),
    ),
    Shape("XML that is something else", "<function name='f'><body>1</body></function>", ()),
    Shape("YAML", "name: weather\narguments:\n  city: Rome", ()),
    Shape("react with arguments that are no JSON", "Action: weather\nAction Input: city=Rome", ()),
    Shape("a command with a slash", '/weather {"city":"Rome"}', ()),
    Shape("a page of HTML", "<html><head><title>weather</title></head><body>Rome</body></html>", ()),
    Shape("a function that is explained", 'weather(city="Rome") returns the forecast.', ()),
    Shape("JSON with the key of a tool", '{"now": {"time": "12:00"}}', ()),
]
"""No call is made here."""


def _held_out() -> list[tuple[Shape, bool]]:
    """Shapes that were written down in rounds, each before the reader had seen any of them, and whether it reads
    them now. What the first run over each round found is in docs/results."""
    rows = map(json.loads, Path(__file__).with_suffix("").with_name("rescue_held_out.jsonl").read_text().splitlines())
    return [(_shape(row), row.get("read", True)) for row in rows]


def _shape(row: dict[str, Any]) -> Shape:
    given = native(row["call"], row["arguments"]) if "call" in row else {"text": row["text"]}
    expected = None if row["expected"] is None else tuple((name, dict(values)) for name, values in row["expected"])
    return Shape(name=row["name"], expected=expected, **given)


_HELD_OUT = _held_out()
MEANT += [shape for shape, is_read in _HELD_OUT if is_read and shape.expected]
LOST += [shape for shape, is_read in _HELD_OUT if is_read and shape.expected is None]
TALK += [shape for shape, is_read in _HELD_OUT if is_read and shape.expected == ()]
UNREAD = [shape for shape, is_read in _HELD_OUT if not is_read]
"""Calls that a person would read and the reader leaves alone."""
