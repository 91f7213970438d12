"""Every command of every page, typed as it stands there, does what a reader expects: none fails, none tracebacks."""

import re
import shutil
from pathlib import Path

import pytest
from tests.rehearsal import furnish, providers, typed_for_real, why_not_typed
from tests.test_docs import PAGES, blocks

pytestmark = pytest.mark.slow

# 0 done; 1 the answer is no (a scripted model solves nothing); 130 what watched was interrupted
EXPECTED = {0, 1, 130}
RUNS = ("mine", "retry", "before", "after")


def commands(page: str) -> list[str]:
    code = "".join(block.code for block in blocks(page) if block.language in {"sh", "bash"})
    joined = [line.split("  #")[0].strip() for line in code.replace("\\\n", " ").splitlines()]
    return [line for line in joined if line and not line.startswith("#")]


def prepare(page: str, folder: Path, environment: dict[str, str]) -> None:
    """What the page takes for granted: small data, its own settings files, and runs made earlier."""
    furnish(folder)
    for block in blocks(page):
        if block.language == "toml":
            (folder / "sweep.toml").write_text(block.code)
    data = folder / "home/.local/share/understudy/benchmarks"
    for name, file in (("gsm8k", "test.jsonl"), ("humaneval", "HumanEval.jsonl.gz")):
        (data / name).mkdir(parents=True)
        shutil.copy(folder / file, data / name / file)
    text = " ".join(commands(page))
    if "~/thoughts" in text:
        (folder / "home/thoughts").mkdir()
        code, told = typed_for_real("understudy think import --store ~/thoughts chain.json", folder, environment)
        assert code == 0, told
    for number in (2, 3, 4) if "results/part2" in text else ():  # what other machines did
        part = f"understudy gap run --sweep sweep.toml --shard {number}/4 --out results/part{number}"
        code, told = typed_for_real(part, folder, environment)
        assert code == 0, told
    made = [name for name in RUNS if re.search(rf"results/{name}\b", text) and f"--out results/{name}" not in text]
    if made:
        run = "understudy gap run --local ollama:qwen3:4b --cloud openai:gpt-5-mini --scaffold 'Retry(tries=2)'"
        code, told = typed_for_real(
            f"{run} --benchmark humaneval:HumanEval.jsonl --out results/{made[0]}", folder, environment
        )
        assert code == 0, told
        for name in made[1:]:
            shutil.copytree(folder / "results" / made[0], folder / "results" / name)


@pytest.mark.parametrize("page", [page for page in PAGES if any(not why_not_typed(one) for one in commands(page))])
def test_every_command_of_the_page_runs(page: str, tmp_path: Path) -> None:
    (tmp_path / "home/my-project").mkdir(parents=True)
    with providers() as environment:
        prepare(page, tmp_path, environment)
        for command in commands(page):
            if why_not_typed(command) is None:
                code, told = typed_for_real(command, tmp_path, environment)
                assert code in EXPECTED, f"`{command}` ended with {code}:\n{told[-3000:]}"
                assert "Traceback" not in told, f"`{command}`:\n{told[-3000:]}"
