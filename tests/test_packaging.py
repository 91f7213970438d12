"""What is shipped outside the wheel agrees with it, and the wheel runs where nothing else is."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGING = ROOT / "packaging"


def bundles() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundles", PACKAGING / "bundles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_manifest_has_the_version_of_the_project() -> None:
    text = "".join(path.read_text("utf-8") for path in PACKAGING.rglob("*") if path.suffix in {".json", ".js"})

    assert set(re.findall(r'"version": "([^"]+)"', text)) == {PROJECT["version"]}
    assert set(re.findall(r"understudy(?:\[docs\])?==([0-9.]+)", text)) == {PROJECT["version"]}


def test_the_registry_entry_names_what_the_readme_claims() -> None:
    entry = json.loads((PACKAGING / "server.json").read_text("utf-8"))

    assert f"mcp-name: {entry['name']}" in (ROOT / "README.md").read_text("utf-8")
    assert len(entry["description"]) <= 100
    assert entry["packages"][0]["identifier"] == PROJECT["name"]


def test_a_bundle_starts_the_server_it_is_named_for(tmp_path: Path) -> None:
    for path in bundles().build(tmp_path):
        with zipfile.ZipFile(path) as bundle:
            manifest = json.loads(bundle.read("manifest.json"))
            server = manifest["name"].removeprefix("understudy").removeprefix("-") or "all"
            compile(bundle.read("src/server.py"), "server.py", "exec")
            assert f'"serve", "{server}"' in bundle.read("src/server.py").decode()
            assert tomllib.loads(bundle.read("pyproject.toml").decode())["project"]["dependencies"]
            assert manifest["server"]["entry_point"] in bundle.namelist()


def test_bundles_of_the_same_version_are_the_same_bytes(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in bundles().build(tmp_path / "a")}
    second = {path.name: path.read_bytes() for path in bundles().build(tmp_path / "b")}

    assert first == second


@pytest.mark.clients
def test_the_bundle_tool_accepts_every_manifest(tmp_path: Path) -> None:
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not here; install Node to check the bundles with their own tool")
    for path in bundles().build(tmp_path):
        folder = tmp_path / path.stem
        zipfile.ZipFile(path).extractall(folder)
        command = [npx, "--yes", "@anthropic-ai/mcpb@2.1.2", "validate", str(folder / "manifest.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_what_is_distributed_installs_and_runs_in_an_empty_environment(kind: str, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", f"--{kind}", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    archive = next(tmp_path.glob("*.whl" if kind == "wheel" else "*.tar.gz"))
    if kind == "wheel":
        tops = {name.partition("/")[0] for name in zipfile.ZipFile(archive).namelist()}
        names = {"understudy", "understudy_harness", "understudy_servers"}
        assert tops == {*names, f"understudy-{PROJECT['version']}.dist-info"}
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env/bin/python")
    install = [python, "-m", "pip", "install", "--quiet", str(archive)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    script = tmp_path / "env/bin/understudy"

    told = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=60)

    assert told.returncode == 0
    assert "serve" in told.stdout
