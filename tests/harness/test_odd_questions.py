"""Sweeps, costs, plans, comparisons and exports that were asked for oddly: each is refused or answered in words."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.harness.test_gap_damage import write_run

from understudy_harness.commands import gap
from understudy_harness.economics.commands import costs


def ask(*words: object) -> str:
    result = CliRunner().invoke(gap, [str(word) for word in words])
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


def cost(*words: str) -> Result:
    return CliRunner().invoke(costs, ["--cloud", "deepseek:deepseek-chat", *words])


HEAD = 'local = ["ollama:x"]\nbenchmarks = ["fixture-sums"]\n'
ARM = '[[arms]]\nscaffold = "Vote()"\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param('scafolds = ["Vote()"]\n', "'scafolds' is not known. Did you mean 'scaffolds'?", id="a typo"),
        pytest.param("seed = 3\n", "'seed' is not known. Give --seed beside --sweep.", id="an option"),
        pytest.param("[[arm]]\n", "'arm' is not known. Did you mean 'arms'?", id="a table"),
        pytest.param("[[arms]]\nscafold = 'x'\n", "[[arms]]: 'scafold' is not known. Did you mean 'sc", id="inside"),
        pytest.param('[[arms]]\nlabel = "x"\n', "an entry of [[arms]] has no `scaffold`. Write", id="no scaffold"),
        pytest.param('scaffolds = ["Vot()"]\n', "sweep.toml: --scaffold 'Vot()': There is no scaffold", id="where"),
        pytest.param(f'{ARM}roles = {{local = "ollama:x", clod = "y"}}\n', "has no role 'clod' (it has: l", id="role"),
        pytest.param(
            f'{ARM}label = "a"\nroles = {{local = "ollama:x"}}\n[[arms]]\nscaffold = "Vote(n=7)"\nlabel = "a"\n'
            'roles = {local = "ollama:x"}\n',
            "two arms of fixture-sums are called", id="one label twice",
        ),
    ],
)  # fmt: skip
def test_a_sweep_with_a_slip_is_refused_with_the_place_and_the_next_step(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(HEAD + content, encoding="utf-8")
    assert said in ask("run", "--sweep", path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_sweep_that_is_not_there_says_what_to_give(tmp_path: Path) -> None:
    assert "Give the path of a TOML file" in ask("run", "--sweep", tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--owned", "--box-price", "10"], "--owned counts no price", id="owned and bought"),
        pytest.param(["--precision", "0.9"], "--precision means something only with --accepted", id="precision"),
        pytest.param(["--local-arm", "x"], "--local-arm means something only with --run", id="an arm of no run"),
        pytest.param(["--run", "x", "--input", "5"], "--run takes what --input says from the run", id="twice"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(words: list[str], said: str) -> None:
    result = cost(*words)
    assert result.exit_code == 2
    assert said in result.output


def test_an_answer_about_costs_says_what_it_rests_on_and_which_side_is_cheaper() -> None:
    said = " ".join(cost("--local-solved", "0.6", "--cloud-solved", "0.8").output.split())
    assert (
        "a month of 10,000 tokens in and 1,000 out; Strix Halo 128 GB, gpt-oss-20b: $1,999 over 36 months, 133 W"
        in said
    )
    assert "samples a month deepseek:deepseek-chat costs less per solved sample, above it the box." in said
    assert "Both are taken to solve everything" not in said
    assert "Both are taken to solve everything: give --local-solved" in " ".join(cost().output.split())


@pytest.mark.parametrize(
    ("local", "cloud", "said"),
    [
        pytest.param("0", "1", "the box never pays: the local model solves nothing.", id="local"),
        pytest.param("1", "0", "Local.", id="cloud"),
        pytest.param("0", "0", "No option solves anything, so a solved sample has no price.", id="both"),
    ],
)
def test_who_solves_nothing_has_no_price_and_no_infinity(local: str, cloud: str, said: str) -> None:
    result = cost("--local-solved", local, "--cloud-solved", cloud)
    assert result.exit_code == 0
    assert said in " ".join(result.output.split())
    assert "inf" not in result.output
    assert "Infinity" not in cost("--local-solved", local, "--cloud-solved", cloud, "--json").output


def test_names_of_boxes_are_listed_whole_so_that_they_can_be_typed() -> None:
    listed = CliRunner().invoke(costs, ["--boxes"]).output.splitlines()
    assert "strix-halo-qwen3.6-35b-a3b" in listed


def test_a_table_of_costs_stays_a_table_for_any_size_of_number() -> None:
    for words in (["--speed", "1e-9"], ["--samples", "1e12"], ["--output", "1e9"]):
        lines = cost(*words).output.splitlines()
        assert max(len(line) for line in lines[:4]) <= 80
        plot = [line for line in lines if line.rstrip().endswith(("|", "L", "C")) and " |" in line]
        assert len({line.index("|") for line in plot}) == 1


def test_a_plan_writes_small_numbers_in_words_that_fit() -> None:
    said = CliRunner().invoke(gap, ["plan", "--half-width", "10", "--lift", "0.01"]).output
    assert "1 epoch:        1 sample,         1 row\n" in said
    assert "A lift of 1 point shows" in said
    assert "For a gap of 0.5 points" in CliRunner().invoke(gap, ["plan", "--gap", "0.005"]).output


def test_runs_that_share_nothing_are_said_with_what_each_holds(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "other", samples=1)
    said = ask("compare", one, other)
    assert f"{one} has L on b, S on b" in said
    assert "Run the same benchmark and arms in both." in said


def test_an_export_of_logs_into_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    said = ask("export", write_run(tmp_path / "run"), "--to", "eval", "--out", tmp_path / "file")
    assert "is a file, and an export to eval writes a folder of logs" in said


@pytest.mark.parametrize("address", ["nonsense", "http://", "tcp://host", ""])
def test_an_address_that_is_none_is_refused_before_anything_is_dialed(tmp_path: Path, address: str) -> None:
    pytest.importorskip("distributed")
    words = ["run", "--local", "fixture:nano", "--scaffold", "Vote()", "--benchmark", "fixture-sums", "--limit", "1"]
    said = ask(*words, "--out", tmp_path / "out", "--dask", address)
    assert "is no address of a scheduler. Write --dask tcp://HOST:PORT." in said


def test_a_server_that_no_scaffold_calls_is_a_slip(tmp_path: Path) -> None:
    words = ["run", "--local", "ollama:x", "--scaffold", "Docs()", "--benchmark", "fixture-facts"]
    said = ask(*words, "--out", tmp_path / "out", "--server", "dosc=http://127.0.0.1:1/mcp")
    assert "no scaffold of this run calls a server of that name. Ours are docs, testing, thinking." in said
