"""What a run is made of: samples, arms, sweeps, shards, splits, and the door to hidden grading."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.answer import Answer
from understudy.errors import ServerError
from understudy.problem import Reply, Tests
from understudy.testing import ask, scripted_tests
from understudy_harness.arms import build_arms, read_scaffold, roles_of
from understudy_harness.demo import settings as demo_settings
from understudy_harness.errors import SettingsError
from understudy_harness.ledger import Ledger, Row
from understudy_harness.row import row_seed
from understudy_harness.sample import Grade, Grader, Sample, dataset_hash, split_by_cluster
from understudy_harness.settings import Cell, Settings, Shard, drawn, load, plan_work
from understudy_harness.sweep import read_sweep


def sample(number: int, cluster: str = "c") -> Sample:
    return Sample(id=f"s{number}", problem=ask(f"question {number}"), cluster=cluster, hidden={"value": str(number)})


def test_a_dataset_hash_ignores_the_order_and_notices_everything_else() -> None:
    samples = [sample(1), sample(2)]

    assert dataset_hash(samples) == dataset_hash(samples[::-1])
    assert dataset_hash(samples) != dataset_hash(samples[:1])
    changed = Sample(id="s2", problem=ask("question 2"), cluster="c", hidden={"value": "3"})
    assert dataset_hash(samples) != dataset_hash([samples[0], changed])


@given(st.lists(st.text(max_size=4), min_size=1, max_size=40))
def test_a_cluster_never_stands_on_both_sides_of_a_split(clusters: list[str]) -> None:
    samples = [sample(number, cluster) for number, cluster in enumerate(clusters)]

    dev, test = split_by_cluster(samples, "dev"), split_by_cluster(samples, "test")

    assert {s.cluster for s in dev}.isdisjoint(s.cluster for s in test)
    assert len(dev) + len(test) == len(split_by_cluster(samples, "all")) == len(samples)


@given(st.integers(1, 9), st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=30))
def test_every_row_belongs_to_exactly_one_shard(count: int, names: list[str]) -> None:
    shards = [Shard(index=index, count=count) for index in range(1, count + 1)]

    assert all(sum(shard.holds(name, 0) for shard in shards) == 1 for name in names)


def test_a_score_outside_zero_and_one_is_a_bug_that_is_named() -> None:
    with pytest.raises(ValueError, match="scale it"):
        Grade(score=42.0, word="right")


async def test_hidden_tests_run_through_the_graders_own_server() -> None:
    tests = Tests(files={"test_hidden.py": "..."})
    graded = Sample(id="s", problem=ask("?", reply=Reply(kind="code")), cluster="c")
    right, wrong = (Answer(text=text, files={"solution.py": text}) for text in ("right", "wrong"))
    grader = Grader(scripted_tests(lambda code: code == "right"))

    passed = await grader.grade(graded, right, tests)
    assert (passed.score, passed.word) == (1.0, "passed")
    assert (await grader.grade(graded, wrong, tests)).score == 0.0
    with pytest.raises(ServerError, match="no grading server"):
        await Grader().grade(graded, right, tests)


def test_arms_bind_the_small_or_the_large_model_to_every_role() -> None:
    router = "Escalate(Vote(), On('cloud', Direct()))"
    arms = build_arms(benchmark="b", local="l", cloud="c", scaffolds=["Vote()", router], controls=["Direct()@other"])

    assert [(arm.label, dict(arm.models)) for arm in arms] == [
        ("L", {"local": "l"}),
        ("C", {"local": "c"}),
        ("S Vote()", {"local": "l"}),
        ("CS Vote()", {"local": "c"}),
        (f"S {router}", {"local": "l", "cloud": "c"}),
        (f"CS {router}", {"local": "c", "cloud": "c"}),
        ("control Direct() @other", {"local": "l"}),
    ]
    assert [arm.is_router for arm in arms] == [False, False, False, False, True, False, False]
    assert arms[-1].samples_of == "other"
    assert len({arm.id for arm in arms}) == len(arms)


def test_an_arm_is_told_apart_by_everything_that_decides_an_answer() -> None:
    def of(**changes: object) -> str:
        given = {"benchmark": "b", "local": "l", "cloud": None, "scaffolds": ["Vote()"], "seed": 0, **changes}
        return build_arms(**given)[1].id  # type: ignore[arg-type]

    others = [of(seed=1), of(local="m"), of(benchmark="d"), of(scaffolds=["Vote(n=3)"])]
    assert len({of(), *others}) == 5
    assert of() == of()


@pytest.mark.parametrize(
    ("scaffolds", "match"),
    [
        pytest.param(["Vote(", "does not parse"], None, id="unfinished"),
        pytest.param(['On("cloud", Direct())'], "no cloud model", id="a role without a model"),
        pytest.param(["Vote()", "Vote(n=5)"], "given twice", id="the same arm twice"),
    ],
)
def test_arms_that_cannot_be_meant_are_refused(scaffolds: list[str], match: str | None) -> None:
    with pytest.raises(SettingsError, match=match or "does not parse"):
        build_arms(benchmark="b", local="l", cloud=None, scaffolds=scaffolds[:2] if match else scaffolds[:1])


def test_roles_are_found_wherever_they_are_named() -> None:
    assert roles_of(read_scaffold("Retry(Vote())")) == ("local",)
    assert roles_of(read_scaffold('On("cloud", Direct())')) == ("cloud",)
    assert roles_of(read_scaffold('Escalate(Direct(), On("cloud", Direct()))')) == ("local", "cloud")


def test_all_arms_of_a_sample_run_beside_each_other_in_time() -> None:
    arms = build_arms(benchmark="fixture-sums", local="l", cloud="c", scaffolds=["Vote()"])
    settings = Settings(out=Path("x"), cells=(Cell(benchmark="fixture-sums", arms=arms),), epochs=2, limit=3)

    work = list(plan_work(load(settings), settings))

    assert len(work) == 2 * 3 * 4
    assert [{w.sample.id for w in work[at : at + 4]} for at in range(0, 24, 4)] == [{w.sample.id} for w in work[::4]]
    assert len({w.key for w in work}) == len(work)


def test_a_limit_draws_the_same_samples_for_the_same_seed() -> None:
    samples = [sample(number) for number in range(50)]

    assert drawn(samples, 5, 1) == drawn(samples[::-1], 5, 1)
    assert drawn(samples, 5, 1) != drawn(samples, 5, 2)
    assert set(drawn(samples, 5, 1)) <= set(drawn(samples, 9, 1))


def test_seeds_differ_by_sample_and_epoch_and_not_by_arm() -> None:
    assert len({row_seed(0, "a", 0), row_seed(0, "a", 1), row_seed(0, "b", 0), row_seed(1, "a", 0)}) == 4


def test_the_demo_compares_three_families_with_their_controls_on_many_clusters() -> None:
    settings = demo_settings(Path("results"), full=False)

    cells = load(settings)

    assert [[arm.kind for arm in cell.arms] for cell in settings.cells] == [["L", "C", "S", "CS", "control"]] * 3
    assert all(len(loaded.samples) == 120 for loaded in cells)
    assert all(len({s.cluster for s in loaded.samples}) >= 20 for loaded in cells)
    assert demo_settings(Path("results"), full=True).limit is None


def test_an_interrupted_demo_is_finished_and_a_finished_one_left_alone(tmp_path: Path) -> None:
    first = demo_settings(tmp_path, full=False)
    cell = first.cells[0]
    with Ledger(first.out) as ledger:
        header = ledger.header(
            {"arms": [arm.described() for arm in cell.arms], "benchmarks": [{"name": cell.benchmark, "samples": 1}]}
        )
        rows = [
            Row(arm=a.id, benchmark=cell.benchmark, sample="s", epoch=0, cluster="c", score=1, grade="x")
            for a in cell.arms
        ]
        for row in rows[:-1]:
            ledger.write(row, header)
        assert demo_settings(tmp_path, full=False).out == first.out == tmp_path / "demo"
        ledger.write(rows[-1], header)

    assert demo_settings(tmp_path, full=False).out == tmp_path / "demo-2"
    assert demo_settings(tmp_path, full=True).out == tmp_path / "demo-full"


def test_a_sweep_is_a_grid_and_arms_of_your_own(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        """
        local = ["ollama:a", "ollama:b"]
        cloud = ["openai:c"]
        scaffolds = ["Vote()"]
        benchmarks = ["gsm8k", "humaneval"]
        epochs = 3
        [[arms]]
        label = "mixed"
        scaffold = 'Escalate(Vote(), On("cloud", Direct()))'
        benchmark = "gsm8k"
        roles = {local = "ollama:a", cloud = "openai:c"}
        """
    )

    sweep = read_sweep(path)
    cells = sweep.cells

    assert sweep.epochs == 3
    assert [cell.benchmark for cell in cells] == ["gsm8k", "humaneval"]
    assert Counter(arm.kind for arm in cells[0].arms) == {"L": 2, "S": 3, "C": 1, "CS": 1}
    assert len(cells[1].arms) == 6
    assert len({arm.label for arm in cells[0].arms}) == 7
    assert "L · ollama:b" in {arm.label for arm in cells[1].arms}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        pytest.param("local = [", "no TOML", id="no TOML"),
        pytest.param("locals = []", "'locals' is not known", id="unknown key"),
        pytest.param("local = 'x'\nbenchmarks = ['b']", "`local` must be a list", id="text instead of a list"),
        pytest.param("local = ['x']", "`benchmarks` is missing", id="no benchmarks"),
        pytest.param("benchmarks = ['b']", "b has 0 arms, which compares nothing", id="nothing to run"),
        pytest.param("local = ['x']\nbenchmarks = ['b']", "b has 1 arm, which compares nothing", id="one arm"),
        pytest.param("bare = 3\nbenchmarks = ['b']", "`bare` must be a text", id="bare is a number"),
        pytest.param("epochs = 0\nbenchmarks = ['b']", "`epochs` must be a whole number", id="no epoch"),
        pytest.param("benchmarks = ['b']\n[[arms]]\nlabel = 5", "`label` of .* must be a text, not 5", id="label"),
        pytest.param("benchmarks = ['b']\n[[arms]]\nroles = 'l'", "must be models by role", id="roles are a text"),
        pytest.param("benchmarks = ['b']\n[[arms]]\nroles = {local = 3}", "must be models by role", id="a role is 3"),
        pytest.param("benchmarks = ['b']\n[[arms]]\nbenchmark = 'c'", "'c', which is not among", id="other benchmark"),
        pytest.param("arms = 3\nbenchmarks = ['b']", "must be tables", id="arms are no tables"),
        pytest.param("benchmarks = ['b']\n[[arms]]\nscafold = 'x'", "'scafold'", id="unknown key of an arm"),
        pytest.param("benchmarks = ['b']\n[[arms]]\nscaffold = 'Vote()'", "the role 'local'", id="a role is missing"),
        pytest.param(
            "benchmarks = ['b']\n[[arms]]\nscaffold = 'Vote()'\nkind = 'X'\nroles = {local = 'l'}", "no kind", id="kind"
        ),
    ],
)
def test_a_broken_sweep_file_is_named_with_its_key(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "s.toml").write_text(text)

    with pytest.raises(SettingsError, match=match):
        read_sweep(tmp_path / "s.toml")


def test_a_missing_sweep_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_sweep(tmp_path / "s.toml")
