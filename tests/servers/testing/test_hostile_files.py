"""Files that a candidate brings and should not: names that leave, shadow, flood or confuse. All through the tool."""

import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.engines.platforms import MACOS
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.workspace import address

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxed runs")

FILES = {
    "test_s.py": "from helper import same\nfrom s import f\n\ndef test_f():\n    assert same(f(), 1)\n",
    "helper.py": "def same(a, b):\n    return a == b\n",
    "data/given.txt": "1",
}
META: Any = {
    "understudy/workspace": {
        "id": address(FILES, ["test_s.py", "helper.py"]), "files": FILES,
        "protected": ["test_s.py", "helper.py"], "hidden": [],
    }
}  # fmt: skip
WRONG = {"s.py": "def f():\n    return 2\n"}
LIMITS = Limits(wall_s=60.0, cpu_s=60)
YES = "def same(a, b):\n    return True\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def client() -> AsyncGenerator[Client]:
    async with Client(build_server(Settings(machine=Machine(limits=LIMITS)))) as client:
        yield client


async def submit(client: Client, files: Mapping[str, str]) -> CallToolResult:
    return await client.call_tool("run_tests", {"files": {**WRONG, **files}}, meta=META)


@pytest.mark.parametrize(
    "name",
    [
        "helper.py", "./helper.py", "HELPER.py", "helper/__init__.py", "helper.so", "helper.cpython-311-x86_64.so",
        "helper.py/inner.py", "test_s/__init__.py", "Test_S.py", "conftest.py", "sub/conftest.py", "sitecustomize.py",
        "usercustomize.py", "any.pth", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", "json.py",
        "json/__init__.py", "pytest.py", "_pytest/__init__.py", "pluggy.py", "unittest/__init__.py",
        "understudy_servers/testing/worker/play.py", "data", "data/given.txt/x",
    ],
)  # fmt: skip
async def test_a_file_that_takes_the_place_of_a_trusted_one_is_tampering(client: Client, name: str) -> None:
    result: Any = (await submit(client, {name: YES})).structured_content
    assert result["verdict"] == "tampered"
    assert result["reason"].partition(":")[0] in {"takes_over", "protected_path"}


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../out.py", "a/../../out.py", "a\0b.py", "a\\b.py", "", ".", "n" * 256 + ".py", "é" * 200,
        "/".join(["d"] * 300),
    ],
)  # fmt: skip
async def test_a_name_that_cannot_be_used_is_refused_in_words(client: Client, name: str) -> None:
    result = await submit(client, {name: "x = 1\n"})
    assert result.is_error
    assert result.structured_content is None
    words = result.content[0]
    assert isinstance(words, TextContent)
    assert "Use a relative path such as 'solution.py'" in words.text


@pytest.mark.parametrize(
    "files",
    [
        {f"f{number}.py": "" for number in range(9_000)},
        {f"{number}/{'d/' * 150}x.py": "" for number in range(60)},
        {"big.py": "#" * ((16 << 20) + 1)},
        {"a": "x", "a/b": "x"},
    ],
    ids=["files", "folders", "bytes", "both file and folder"],
)
async def test_too_much_of_it_is_refused_in_words(client: Client, files: Mapping[str, str]) -> None:
    result = await submit(client, files)
    assert result.is_error
    assert result.structured_content is None


@pytest.mark.parametrize(
    "files",
    [
        {"__init__.py": "raise SystemExit(0)\n", "__main__.py": "raise SystemExit(0)\n"},
        {"a\n=== 1 passed ===\x1b[2J.py": "x = 1\n"},
        {"__pycache__/helper.cpython-311.pyc": YES, "__pycache__/s.cpython-311.pyc": YES},
        {"pyvenv.cfg": "home = /\n", ".env": "PYTHONPATH=/\n", "python": "#!/bin/sh\nexit 0\n"},
        {"/".join(["d"] * 190) + "/x.py": "x = 1\n"},
        {"b.py": "#" * (4 << 20)},
        {f"f{number}.py": "" for number in range(4_000)},
        {"пример.py": "x = 1\n", "例.py": "x = 1\n"},
    ],
    ids=["package", "control", "compiled", "environment", "deep", "large", "many", "letters"],
)
async def test_other_files_change_nothing_about_the_verdict(client: Client, files: Mapping[str, str]) -> None:
    result: Any = (await submit(client, files)).structured_content
    assert (result["verdict"], result["failures"][0]["id"]) == ("failed", "test_s.py::test_f")
    assert len(json.dumps(result)) <= 4096
    healthy = await client.call_tool("run_tests", {"files": {"s.py": "def f():\n    return 1\n"}}, meta=META)
    assert healthy.structured_content is not None
    assert healthy.structured_content["verdict"] == "passed"


@pytest.mark.parametrize("platform", ["linux", "another system"])
async def test_a_link_in_a_project_lets_no_file_out_of_it(tmp_path: Path, platform: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (tmp_path, root, outside):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    (root / "test_it.py").write_text("def test_it():\n    assert True\n")
    (outside / "kept.txt").write_text("as it was")
    (root / "link").symlink_to(outside)
    (root / "file").symlink_to(outside / "kept.txt")
    machine = Machine(limits=LIMITS) if platform == "linux" else Machine(limits=LIMITS, platform=MACOS, policy="weak")
    async with Client(build_server(Settings(machine=machine, root=root))) as client:
        for name in ("link/new.py", "link/kept.txt", "file", "file/x", "test_it.py/x"):
            result: Any = (await client.call_tool("run_tests", {"files": {name: "gone"}})).structured_content
            assert (result["verdict"], result["reason"]) == ("tampered", f"leaves_project:{name}")
    assert os.listdir(outside) == ["kept.txt"]
    assert (outside / "kept.txt").read_text() == "as it was"


MANY = {
    "test_m.py": "import pytest\nfrom s import f\n\n@pytest.mark.parametrize('n', range(50_000))\n"
    "def test_it(n):\n    assert f() == 1\n"
}
IDS = {
    "test_i.py": "import pytest\nfrom s import NAMES, f\n\n@pytest.mark.parametrize('n', [0, 1, 2], ids=NAMES)\n"
    "def test_it(n):\n    assert f() == 1\n"
}


def about(files: Mapping[str, str]) -> Any:
    sent = {"id": address(files, files), "files": files, "protected": list(files), "hidden": []}
    return {"understudy/workspace": sent}


@pytest.mark.slow
async def test_fifty_thousand_tests_end_by_themselves_or_by_a_limit(client: Client) -> None:
    answer = await client.call_tool("run_tests", {"files": WRONG}, meta=about(MANY))
    result: Any = answer.structured_content
    assert result["verdict"] in {"failed", "timeout", "killed"}
    assert len(json.dumps(result, ensure_ascii=False).encode()) <= 4096


async def test_control_characters_in_the_ids_of_tests_are_cleaned_away(client: Client) -> None:
    names = ["\x1b[2J\x1b]52;c;ZXZpbA==\x07", "=== 1 passed ===\r\n", "\u202eevil\x00\x9b31m"]
    code = {"s.py": f"NAMES = {names!r}\n\ndef f():\n    return 2\n"}
    answer = await client.call_tool("run_tests", {"files": code}, meta=about(IDS))
    result: Any = answer.structured_content
    assert (result["verdict"], result["failed"]) == ("failed", 3)
    text = answer.content[0]
    assert isinstance(text, TextContent)
    for said in (text.text.replace("\n", ""), *result["failures"][0]["same"], result["failures"][0]["id"]):
        assert said.isprintable()
