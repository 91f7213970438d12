"""A newcomer follows the pages word by word: from a clone to a model's call of a tool of ours, and out again."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.clients.installed import environment, program, scripted_endpoint
from tests.clients.test_agents import calling

pytestmark = pytest.mark.clients

ROOT = Path(__file__).parent.parent.parent
DIFFERENT = {
    "npm install -g opencode-ai": "true",  # the pinned one is on PATH
    "'.[docs]'": "'.'",  # the extra brings 2 GB and no step
}


def clone(folder: Path) -> Path:
    """What a newcomer has: the files that belong to git, and no environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, so there is nothing to clone")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)


def follow(code: str, clone: Path, home: Path) -> str:
    for said, done_instead in DIFFERENT.items():
        code = code.replace(said, done_instead)
    env = {name: value for name, value in environment(home).items() if not name.startswith("XDG_")}
    env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    env["PATH"] = f"{Path(program('opencode')).parent}:/usr/local/bin:/usr/bin:/bin"
    env |= {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
    done = subprocess.run(
        ["bash", "-euc", code],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        timeout=400,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def configured(home: Path, url: str) -> Path:
    """The quick start's own file for a local model, with its address replaced by the scripted one."""
    [written] = blocks("docs/quickstart/mcp-client.md", "json")
    settings = json.loads(written)
    settings["provider"]["local"]["options"]["baseURL"] = url
    (home / "my-project").mkdir(parents=True)
    path = home / "my-project/opencode.json"
    path.write_text(json.dumps(settings, indent=2))
    return path


def test_the_readme_alone_leads_from_a_clone_to_a_call_of_a_tool_of_ours(tmp_path: Path) -> None:
    [steps] = [block for block in blocks("README.md", "sh") if "attach opencode" in block]
    with scripted_endpoint(calling("list-libraries", {})) as (url, requests):
        configured(tmp_path / "home", url)
        told = follow(steps, clone(tmp_path / "clone"), tmp_path / "home")

    assert "The tool said:" in told
    assert any(message["role"] == "tool" for request in requests for message in request["messages"])


def test_the_quick_start_leads_to_a_call_and_out_again_and_only_the_data_folder_stays(tmp_path: Path) -> None:
    steps = blocks("docs/quickstart/mcp-client.md", "sh")
    home = tmp_path / "home"
    with scripted_endpoint(calling("list-libraries", {})) as (url, _):
        settings = configured(home, url)
        before = settings.read_bytes()
        doctor = "understudy doctor --only installation"
        told = follow("\n".join([*steps[:-1], doctor, steps[-1]]), clone(tmp_path / "clone"), home)

    assert "connected" in told
    assert "The tool said:" in told
    assert settings.read_bytes() == before
    named = re.search(r"data: (\S+)", told)
    assert named
    ours = [path for path in home.rglob("*understudy*") if not path.is_relative_to(named[1])]
    assert ours == [], "only the data folder, which doctor names, may stay"
