"""Temporary folders of runs: filled by hostile code, and removed whatever is in them; the limits of a run."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from understudy_servers.testing.engines.isolation import SandboxRefused
from understudy_servers.testing.engines.layout import PREFIX, in_a_folder, remove, sweep, temporary_folder
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import Plan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes and links")


def fill(folder: Path) -> None:
    """What hostile code may leave: locked folders, links, names that are no text, and a depth no path can have."""
    (folder / "locked" / "inner").mkdir(parents=True)
    (folder / "locked" / "inner" / "file").write_text("x")
    (folder / "locked" / "inner").chmod(0)
    (folder / "locked").chmod(0)
    os.mkdir(os.fsencode(folder) + b"/\xff\xfe")
    script = "import os\nfor _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\nopen('end', 'w').close()\n"
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)


def test_a_folder_is_removed_whatever_is_in_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    with temporary_folder() as folder:
        fill(Path(folder))
        os.symlink(outside, f"{folder}/link")
        os.symlink(outside / "kept", f"{folder}/locked-link")
        os.chmod(folder, 0)
    assert not os.path.lexists(folder)
    assert (outside / "kept").read_text() == "kept"


def test_removing_what_is_gone_already_is_no_error(tmp_path: Path) -> None:
    remove(str(tmp_path / "nothing"))


def test_only_the_folders_of_servers_that_are_gone_are_swept_away() -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    place = Path(tempfile.gettempdir())
    dead, mine, other = (place / f"{PREFIX}{owner}-test" for owner in (gone.pid, os.getpid(), "somebody"))
    for folder in (dead, mine, other):
        folder.mkdir()
    sweep()
    left = [folder.exists() for folder in (dead, mine, other)]
    for folder in (dead, mine, other):
        remove(str(folder))
    assert left == [False, True, True]


def test_files_lie_in_a_folder_of_their_own_while_a_run_lasts() -> None:
    plan = Plan(files={"a/b.py": "x = 1\n"}, tests=())
    job = {"support": {"ours.mjs": "export {}"}, "command": ["node", "/understudy/ours.mjs"], "readable": ["/usr"]}
    with in_a_folder(plan, job) as laid_out:
        root = Path(laid_out["root"])
        assert (root / "a" / "b.py").read_text() == "x = 1\n"
        assert Path(laid_out["command"][1]).read_text() == "export {}"
        assert str(root) in laid_out["readable"]
    assert not root.exists()


def test_a_project_too_large_to_be_copied_for_each_run_is_refused_in_words(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as stream:
        stream.truncate(201 << 20)
    plan = Plan(files={"a.py": ""}, tests=(), root=str(tmp_path))
    with pytest.raises(SandboxRefused, match="201 MiB are too many to copy"), in_a_folder(plan, {}):
        pass


def test_limits_are_lowered_and_never_raised() -> None:
    limits = Limits(wall_s=10.0, memory_mb=512)
    assert limits.lowered({"wall_s": 2, "memory_mb": 4096}) == Limits(wall_s=2.0, memory_mb=512)


@pytest.mark.parametrize("wish", [{"wall": 1}, {"wall_s": 0}, {"wall_s": "5"}, {"memory_mb": True}])
def test_a_limit_that_is_none_is_refused_in_words(wish: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"No limit is called|must be a positive number"):
        Limits().lowered(wish)
