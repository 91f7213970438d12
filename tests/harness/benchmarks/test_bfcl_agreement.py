"""Our BFCL rules against the original checker, item by item, over generated variants of right answers.

UNDERSTUDY_GORILLA names a checkout of https://github.com/ShishirPatil/gorilla at commit 6ea57973; nothing is copied or
downloaded. Its checker imports every model handler, so what it needs only for other languages is given here.
"""

import ast
import enum
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from understudy_harness.benchmarks import bfcl_calls, bfcl_checker
from understudy_harness.benchmarks.bfcl_calls import Call

ROOT = os.environ.get("UNDERSTUDY_GORILLA")
FOLDER = Path(ROOT) / "berkeley-function-call-leaderboard" / "bfcl_eval" if ROOT else None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FOLDER is None, reason="UNDERSTUDY_GORILLA names no checkout of ShishirPatil/gorilla"),
]
CATEGORIES = (
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
)
WANTED = ("default_decode_ast_prompting", "ast_parse", "resolve_ast_call", "resolve_ast_by_type")
Decoded = list[dict[str, dict[str, Any]]]


def original_checker(folder: Path) -> Any:
    """The module `ast_checker`, for the model "plain", whose names are kept as they are."""
    mapping = {"plain": SimpleNamespace(underscore_to_dot=False)}
    _offer("bfcl_eval.constants.model_config", MODEL_CONFIG_MAPPING=mapping)
    _offer("bfcl_eval.eval_checker.ast_eval.type_convertor.java_type_converter", java_type_converter=None)
    _offer("bfcl_eval.eval_checker.ast_eval.type_convertor.js_type_converter", js_type_converter=None)
    _load("bfcl_eval.constants.enums", folder / "constants/enums.py")
    _load("bfcl_eval.constants.type_mappings", folder / "constants/type_mappings.py")
    return _load("bfcl_eval.eval_checker.ast_eval.ast_checker", folder / "eval_checker/ast_eval/ast_checker.py")


def original_decoder(folder: Path) -> Any:
    """The function `default_decode_ast_prompting`, which evaluates arithmetic: give it only texts of our own."""
    source = (folder / "model_handler/utils.py").read_text("utf-8")
    kept: list[ast.stmt] = [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name in WANTED
    ]
    space: dict[str, Any] = {"ast": ast, "re": re, "ReturnFormat": _ReturnFormat}
    exec(compile(ast.Module(kept, []), "utils.py", "exec"), space)
    return space["default_decode_ast_prompting"]


class _ReturnFormat(enum.Enum):
    PYTHON = JAVA = JAVASCRIPT = VERBOSE_XML = CONCISE_XML = JSON = "python"


def _offer(name: str, **attributes: Any) -> None:
    module = ModuleType(name)
    vars(module).update(attributes)
    _put(name, module)


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _put(name, module)
    spec.loader.exec_module(module)
    return module


def _put(name: str, module: ModuleType) -> None:
    parent = name.rpartition(".")[0]
    if parent and parent not in sys.modules:
        _put(parent, ModuleType(parent))
    sys.modules[name] = module


def items(category: str) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    assert FOLDER is not None
    name = f"BFCL_v4_{category}.json"
    answers = [json.loads(line) for line in (FOLDER / "data/possible_answer" / name).read_text("utf-8").splitlines()]
    allowed = {answer["id"]: answer["ground_truth"] for answer in answers}
    for line in (FOLDER / "data" / name).read_text("utf-8").splitlines():
        item = json.loads(line)
        yield item, allowed[item["id"]]


def right_answer(random: Random, allowed: list[Any]) -> Decoded:
    calls: Decoded = []
    for expected in allowed:
        ((name, parameters),) = expected.items()
        chosen = {key: random.choice(values) for key, values in parameters.items() if values}
        kept = {key: value for key, value in chosen.items() if value != "" or "" not in parameters[key]}
        calls.append({name: {key: settled(random, value) for key, value in kept.items()}})
    return calls


def settled(random: Random, value: Any) -> Any:
    """Answers hold, inside dictionaries, lists of allowed values: take one of each."""
    if isinstance(value, dict):
        chosen = {key: random.choice(one) if isinstance(one, list) and one else one for key, one in value.items()}
        return {key: one for key, one in chosen.items() if one != ""}
    if isinstance(value, list):
        return [settled(random, one) if isinstance(one, dict) else one for one in value]
    return value


def changed_value(random: Random, value: Any) -> Any:
    changes: list[Any] = [None, str(value), [value], (value,), {"a": value}, True, 0, 1.5, "", "x", [], {}]
    if isinstance(value, str):
        changes += [value.upper(), value.replace(" ", ""), f"{value}.", value.replace(",", " - "), value + "x"]
        changes += [value.replace('"', "'"), value.split()]
    elif isinstance(value, bool):
        changes += [not value, int(value)]
    elif isinstance(value, int | float):
        changes += [float(value), value + 1, -value, int(value)]
    elif isinstance(value, list):
        changes += [value[::-1], tuple(value), value[:-1], value * 2, [str(one) for one in value]]
        changes += [[changed_value(random, one) for one in value] if value else [1]]
    elif isinstance(value, dict):
        changes += [dict(list(value.items())[:-1]), {**value, "extra": 1}]
        changes += [{key: changed_value(random, one) for key, one in value.items()}]
    return random.choice(changes)


def variants(random: Random, allowed: list[Any]) -> Iterator[Decoded]:
    for _ in range(3):
        yield right_answer(random, allowed)
    for _ in range(27):
        calls = deepcopy(right_answer(random, allowed))
        for _ in range(random.choice((1, 1, 1, 2))):
            calls = changed(random, calls)
        yield calls


def changed(random: Random, calls: Decoded) -> Decoded:
    calls = deepcopy(calls)
    move = random.choice(("value", "value", "value", "drop", "add", "rename", "twice", "lose", "shuffle"))
    if move == "twice":
        return [*calls, deepcopy(random.choice(calls))] if calls else calls
    if move == "lose":
        return calls[1:]
    if move == "shuffle" or not calls:
        random.shuffle(calls)
        return calls
    index = random.randrange(len(calls))
    ((name, arguments),) = calls[index].items()
    if move == "rename":
        calls[index] = {random.choice((name.replace(".", "_"), name.upper(), "other")): arguments}
    elif move == "add":
        arguments[random.choice(("extra", "Name", "unit"))] = random.choice((1, "a", None))
    elif arguments:
        key = random.choice(list(arguments))
        if move == "drop":
            del arguments[key]
        else:
            arguments[key] = changed_value(random, arguments[key])
    return calls


def ours(functions: list[Any], calls: Decoded, allowed: list[Any], category: str) -> bool:
    try:
        bfcl_checker.check(functions, [Call(*next(iter(call.items()))) for call in calls], allowed, category)
    except bfcl_checker.Fault:
        return False
    return True


def theirs(checker: Any, language: Any, functions: list[Any], calls: Decoded, allowed: list[Any], category: str) -> Any:
    try:
        return checker.ast_checker(functions, deepcopy(calls), allowed, language, category, "plain")["valid"]
    except Exception as error:
        return f"crashed: {type(error).__name__}"


@pytest.mark.parametrize("category", CATEGORIES)
def test_our_rules_say_what_the_original_checker_says(category: str) -> None:
    assert FOLDER is not None
    checker = original_checker(FOLDER)
    language = sys.modules["bfcl_eval.constants.enums"].Language.PYTHON
    random, compared, crashes, differences = Random(category), 0, 0, []
    for item, allowed in items(category):
        for calls in variants(random, allowed):
            mine = ours(item["function"], calls, allowed, category)
            reference = theirs(checker, language, item["function"], calls, allowed, category)
            compared += 1
            if isinstance(reference, str):
                crashes += 1
                assert not mine, (item["id"], calls)
            elif mine != reference:
                differences.append((item["id"], calls, mine, reference))

    sys.stderr.write(f"\n{category}: {compared} compared, {crashes} crash the original\n")
    assert differences == []


def spellings(random: Random, calls: Decoded) -> Iterator[str]:
    written = [f"{name}({', '.join(f'{k}={v!r}' for k, v in a.items())})" for c in calls for name, a in c.items()]
    plain = f"[{', '.join(written)}]"
    yield from (plain, plain[1:-1], f"```\n{plain}\n```", f"`{plain}`", f" {plain} ", plain.replace("'", '"'))
    yield from (plain[:-1], plain + "]", f"Sure: {plain}", plain.replace("=", ": "), plain.replace("(", "(1, "))
    yield from (re.sub(r"\b(\d+)\b", r"\1 * 1", plain), re.sub(r"\b(\d+)\b", r"-\1", plain), plain.replace("'", ""))
    cut = random.randrange(len(plain) + 1)
    yield plain[:cut] + random.choice("[](){}'\"=,.:x1 \n+") + plain[cut:]


@pytest.mark.parametrize("category", CATEGORIES)
def test_our_decoder_reads_what_the_original_decoder_reads(category: str) -> None:
    assert FOLDER is not None
    decode = original_decoder(FOLDER)
    random, compared, differences = Random(category), 0, []
    for _, allowed in items(category):
        for text in spellings(random, right_answer(random, allowed)):
            try:
                reference: Any = decode(text)
            except Exception:
                reference = None
            try:
                mine: Any = [{call.name: dict(call.arguments)} for call in bfcl_calls.from_text(text)]
            except bfcl_calls.Undecodable:
                mine = None
            compared += 1
            if repr(mine) != repr(reference):
                differences.append((text, mine, reference))

    sys.stderr.write(f"\n{category}: {compared} texts decoded, {len(differences)} differ\n")
    for difference in differences[:10]:
        sys.stderr.write(f"  {difference}\n")
    assert differences == []
