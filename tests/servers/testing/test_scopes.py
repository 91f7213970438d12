"""A cgroup for every run: where one is looked for, what it holds, and what happens where there is none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from understudy_servers.testing.limits import Limits
from understudy_servers.testing.machine import Machine
from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.workspace import address

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cgroups")
if sys.platform == "linux":
    from understudy_servers.testing.engines import scopes
    from understudy_servers.testing.engines.warm import Recipe
    from understudy_servers.testing.engines.zygote import Zygote

UNIFIED = "25 24 0:22 / /cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
LIMITS = Limits(wall_s=20.0, cpu_s=20, memory_mb=128)
BORN_INTO_IT = """
import os, sys
from understudy_servers.testing.worker.syscalls import fork_into
descriptor = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
pid = fork_into(descriptor)
if pid == 0:
    print(open("/proc/self/cgroup").read(), flush=True)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def system(
    root: Path, own: str, *, mounts: str = UNIFIED, pids: str = "", controllers: str = "cpu memory pids"
) -> Path:
    """A root folder with the files that are read: a process in the cgroup `own`, and that cgroup."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"4:memory:/old\n0::{own}\n")
    (root / "proc/self/mountinfo").write_text(f"24 1 8:1 / / rw - ext4 /dev/sda1 rw\n{mounts}")
    folder = root / "cgroup" / own.lstrip("/")
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.procs").write_text(pids or f"{os.getpid()}\n")
    return folder


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"mounts": ""}, "no cgroups of version 2 are mounted"),
        ({"controllers": "cpu hugetlb"}, "holds no memory"),
        ({"pids": "1\n"}, "no systemd answers to this user"),
    ],
)
def test_where_no_run_can_have_a_cgroup_the_reason_and_the_cure_are_said(
    tmp_path: Path, case: dict[str, str], reason: str
) -> None:
    system(tmp_path, "/work", **case)
    place = scopes.find(tmp_path)
    assert (place.words, place.folder) == ((), None)
    assert reason in place.lack
    assert "systemd-run --user --scope" in place.lack


def test_a_server_alone_in_a_delegated_cgroup_moves_aside_and_parts_it(tmp_path: Path) -> None:
    own = system(tmp_path, "/service")
    place = scopes.find(tmp_path)
    assert (place.folder, place.lack) == (own, "")
    assert (own / f"understudy-{os.getpid()}" / "cgroup.procs").read_text() == str(os.getpid())
    scope = place.scope(1, 1)
    assert scope is not None
    assert scope.folder.parent == own


def test_what_a_killed_server_left_in_its_cgroup_is_removed_by_the_next(tmp_path: Path) -> None:
    own = system(tmp_path, "/service")
    left = own / "understudy-99999999-1" / "run-1"
    left.mkdir(parents=True)
    assert scopes.find(tmp_path).folder == own
    assert not left.parent.exists()


def test_a_cgroup_below_the_top_of_a_container_is_found_under_its_mount(tmp_path: Path) -> None:
    mounts = "25 24 0:22 /docker/a1 /cgroup rw - cgroup2 cgroup2 rw\n"
    own = system(tmp_path, "/docker/a1/inner", mounts=mounts)
    own.rename(tmp_path / "cgroup" / "inner")
    assert scopes.find(tmp_path).folder == tmp_path / "cgroup" / "inner"


def test_the_limits_of_a_run_and_its_files_in_memory_are_the_kernels_limits(tmp_path: Path) -> None:
    slot = scopes.Scope(tmp_path).take(Limits(memory_mb=100, disk_mb=10, shm_mb=5, processes=4))
    assert slot is not None
    assert (slot.folder / "memory.max").read_text() == str((100 + 10 + 5 + scopes.SLACK_MB) << 20)
    assert (slot.folder / "memory.swap.max").read_text() == "0"
    assert (slot.folder / "pids.max").read_text() == "12"


def test_a_cgroup_is_used_again_when_empty_and_counts_only_its_own_runs_kills(tmp_path: Path) -> None:
    scope = scopes.Scope(tmp_path)
    slot = scope.take(LIMITS)
    assert slot is not None
    (slot.folder / "memory.events").write_text("low 0\noom 2\noom_kill 3\n")
    assert slot.overflowed
    (slot.folder / "cgroup.events").write_text("populated 0\nfrozen 0\n")
    slot.leave()
    again = scope.take(LIMITS)
    assert again is slot
    assert not again.overflowed


def test_a_cgroup_that_something_is_still_in_is_killed_and_not_used_again(tmp_path: Path) -> None:
    scope = scopes.Scope(tmp_path)
    slot = scope.take(LIMITS)
    assert slot is not None
    (slot.folder / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    slot.leave()
    assert (slot.folder / "cgroup.kill").read_text() == "1"
    assert scope.take(LIMITS) is not slot


def test_a_scope_that_is_gone_gives_no_cgroup_and_says_so_once(tmp_path: Path) -> None:
    scope = scopes.Scope(tmp_path / "gone")
    assert scope.take(LIMITS) is None
    assert not scope.usable
    scope.close()


def test_where_a_process_may_not_be_born_into_a_cgroup_it_is_forked_and_watched(tmp_path: Path) -> None:
    zygote = Zygote.start(Recipe(python=sys.executable))
    try:
        zygote.scope = scopes.Scope(tmp_path)  # a folder that is no cgroup: the kernel refuses
        slot = zygote.scope.take(LIMITS)
        nothing = os.open(os.devnull, os.O_RDWR)  # a job that is empty: the run ends at once
        _, handle = zygote.fork([nothing] * 4, (), slot)
        for descriptor in (nothing, handle):
            os.close(descriptor)
        assert zygote.memory == "watched"
    finally:
        zygote.close()


def test_a_process_is_born_into_its_cgroup() -> None:
    own = scopes._own(Path("/"))
    if own is None or not os.access(own / "cgroup.procs", os.W_OK):
        pytest.skip("NO WRITABLE CGROUP of version 2 here")
    folder = own / f"understudy-test-{os.getpid()}"
    folder.mkdir()
    try:
        answer = subprocess.run(
            [sys.executable, "-c", BORN_INTO_IT, folder], capture_output=True, text=True, check=True, timeout=60
        )
        assert folder.name in answer.stdout
        assert answer.stdout.split()[-1] == "7"
    finally:
        folder.rmdir()


async def test_what_a_run_allocates_between_two_looks_is_ended_by_the_kernel() -> None:
    if scopes.here().lack:
        pytest.skip(f"NO CGROUP FOR RUNS: {scopes.here().lack}")
    body = "import mmap\ndef f():\n    return sum(mmap.mmap(-1, 700 << 20, flags=0x8001 | 0x20)[::1 << 20])\n"
    tests = {"test_f.py": "from solution import f\ndef test_f():\n    assert f() == 0\n"}
    workspace = {"id": address(tests, tests), "files": tests, "protected": list(tests), "hidden": []}
    async with Client(build_server(Settings(machine=Machine(limits=LIMITS)))) as client:
        meta: Any = {"understudy/workspace": workspace}
        answer: Any = await client.call_tool("run_tests", {"files": {"solution.py": body}}, meta=meta)
        status: Any = await client.call_tool("test_status", {})
    assert (answer.structured_content["verdict"], answer.structured_content["reason"]) == ("killed", "memory")
    assert status.structured_content["memory"].startswith("held by a cgroup")
