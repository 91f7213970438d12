# mypy: ignore-errors
# ruff: noqa: SIM105, PLC0415 - hostile code is not tidy
"""Attacks thought of last: what lies about or stays, the run itself, words. Each says how it ends."""

import ctypes
import ctypes.util
import errno
import faulthandler
import fcntl
import gc
import glob
import importlib.machinery
import os
import pathlib
import select
import shutil
import stat
import sys
import sysconfig
import tempfile
import threading
import traceback
import warnings

from attacks import call, refused
from doors import tried
from facts import SECRET, SUPERVISOR

TEMP = os.environ["TMPDIR"]

libc = ctypes.CDLL(None, use_errno=True)


# ---- files and what they tell


def y26_canaries_lying_about():
    "refused"
    here = {os.path.basename(path) for path in glob.glob("/workspace/**", recursive=True)} | set(os.listdir("."))
    strange = {name for name in here if "unseen" in name or "hidden" in name or "canary" in name or "_meta" in name}
    return "refused" if not strange else f"found {strange}"


def y27_other_runs_in_the_temporary_folder():
    "refused"
    strange = [
        path for path in glob.glob("/tmp/**", recursive=True) if "understudy" in path and not path.startswith(TEMP)
    ]
    return "refused" if not strange else f"found {strange[:3]}"


def y28_tests_in_the_memory_of_the_zygote():
    "refused"
    words = [text for text in gc.get_objects() if isinstance(text, dict) and "understudy/workspace" in text]
    return "refused" if not words else f"found {len(words)}"


def y29_descriptors_of_others_by_proc():
    "refused"
    found = []
    for pid in ("1", str(os.getppid()), str(SUPERVISOR)):
        for path in glob.glob(f"/proc/{pid}/fd/*") + glob.glob(f"/proc/{pid}/map_files/*") + [f"/proc/{pid}/exe"]:
            try:
                found.append(os.readlink(path))
            except OSError:
                continue
    return "refused" if not found else str(found)


def y30_reopen_what_is_read_only():
    "refused"
    answers = []
    for number in range(4):
        try:
            with open(f"/proc/self/fd/{number}", "r+b", buffering=0) as stream:
                answers.append((number, stream.name, stat.S_ISREG(os.fstat(stream.fileno()).st_mode)))
        except OSError:
            continue
    return "refused" if not [one for one in answers if one[2]] else str(answers)


def y31_walk_up_by_descriptors():
    "refused"

    def climb():
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(30):
            folder = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
        return os.read(os.open(SECRET.lstrip("/"), os.O_RDONLY, dir_fd=folder), 20)

    return refused(climb)


def y32_exchange_and_hide_by_rename():
    "refused"
    workspace = os.getcwd()
    return tried(
        lambda: os.rename(f"{workspace}/test_attack.py", f"{workspace}/gone.py"),
        lambda: os.symlink("/etc/passwd", f"{workspace}/link"),
        lambda: os.mkdir(f"{workspace}/__pycache__"),
        lambda: os.mkfifo(f"{workspace}/pipe"),
        lambda: call(
            316, ctypes.c_int(-100), SECRET.encode(), ctypes.c_int(-100), f"{TEMP}/x".encode(), ctypes.c_uint(2)
        ),
    )


def y33_poison_what_the_next_run_imports():
    "refused"
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), os.path.dirname(os.__file__), sys.prefix}
    names = ("sitecustomize.py", "usercustomize.py", "evil.pth", "pyvenv.cfg", "__pycache__/os.cpython-311.pyc")
    return tried(*(lambda path=f"{folder}/{name}": open(path, "w") for folder in folders for name in names))


def y34_settings_in_the_home_folder():
    "refused"
    home = pathlib.Path(os.environ["HOME"])
    for name in (".pythonrc.py", ".pdbrc", ".config/pip/pip.conf", ".local/lib/python3.11/site-packages/evil.pth"):
        path = home / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("import os; os._exit(0)\n")
        except OSError:
            continue
    return "refused"


def y35_shared_memory_by_name():
    "refused"
    from multiprocessing import shared_memory

    try:
        block = shared_memory.SharedMemory(name="understudy-stays", create=True, size=1 << 16)
        block.buf[:4] = b"evil"
        block.close()
    except OSError:
        pass
    return "refused"


def y36_lock_files_of_others():
    "refused"
    descriptor = os.open("test_attack.py", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass
    return refused(fcntl.fcntl, descriptor, 1024, 1)  # a lease on a file that belongs to somebody else


# ---- the run itself


def y37_hooks_that_stay():
    "refused aborted failed"
    sys.addaudithook(lambda event, arguments: None)
    sys.excepthook = sys.unraisablehook = lambda *_: os._exit(0)
    threading.excepthook = lambda *_: os._exit(0)
    sys.meta_path.insert(0, importlib.machinery.PathFinder())
    sys.path_hooks.clear()
    faulthandler.disable()
    warnings.showwarning = lambda *_: os._exit(0)
    traceback.print_exc = lambda *_: os._exit(0)
    os.register_at_fork(after_in_child=lambda: os._exit(0))
    return "refused"


def y38_the_report_descriptor_blocks():
    "refused tampered aborted timeout failed"
    fcntl.fcntl(3, 1031, 4096)
    os.set_blocking(3, False)
    return "refused"


def y39_the_report_goes_elsewhere():
    "aborted failed tampered"
    os.dup2(os.open("/dev/null", os.O_WRONLY), 3)
    raise ValueError("no")


def y40_read_the_report_back():
    "refused"
    ready, _, _ = select.select([3], [], [], 0)
    try:
        text = os.read(3, 4096) if ready else b""
    except OSError as error:
        return "refused" if error.errno in {errno.EBADF, errno.EINVAL, errno.EAGAIN} else str(error)
    return "refused" if not text else f"read {text!r}"


def y41_numbers_that_are_no_numbers():
    "failed tampered"
    raise ValueError(float("nan"), float("inf"), -0.0, 10**4000)


def y42_a_name_of_a_thousand_lines():
    "failed"
    broken = type("X" * 100_000 + "\n" * 1000 + "\x1b[31m", (Exception,), {})
    raise broken("\r\n" * 50_000 + "\u2028\u2029\x85\x00\x7f\ufeff\U000e0001")


def y43_an_error_with_many_notes_and_causes():
    "failed"
    error = ValueError("no")
    for number in range(2000):
        error.add_note("\x1b]0;evil\x07" * 50)
        new = ValueError(str(number))
        new.__cause__ = error
        error = new
    raise error


def y44_a_group_of_many_errors():
    "failed"
    group = ExceptionGroup("\u202eevil", [ValueError("x" * 1000) for _ in range(5000)])
    for _ in range(50):
        group = ExceptionGroup("more", [group])
    raise group


def y45_a_traceback_without_end():
    "failed crashed killed"

    def again(n):
        try:
            if n:
                again(n - 1)
            else:
                raise ValueError("deep")
        except ValueError as error:
            raise error.with_traceback(error.__traceback__) from None

    sys.setrecursionlimit(20_000)
    again(3000)


def y46_environment_for_the_next_program():
    "refused"
    os.environ.update(PYTHONSTARTUP="/tmp/evil.py", PYTHONPATH="/tmp", LD_PRELOAD="/tmp/evil.so", PYTEST_ADDOPTS="--co")
    libc.setenv(b"LD_PRELOAD", b"/tmp/evil.so", 1)
    tempfile.tempdir = "/nowhere"
    return "refused"


def y47_remove_all_there_is():
    "refused"
    for path in ("/workspace", "/tmp", "/etc", "/dev/shm", os.environ["HOME"]):
        shutil.rmtree(path, ignore_errors=True)
    return "refused"


def y48_devices_that_speak_of_the_machine():
    "refused"
    return tried(
        *(
            lambda path=path: open(path, "rb").read(1)
            for path in (
                "/dev/mem",
                "/dev/kmsg",
                "/dev/sda",
                "/dev/vda",
                "/dev/fuse",
                "/dev/kvm",
                "/dev/input/event0",
                "/dev/ptmx",
            )
        )
    )


def y49_a_terminal_of_its_own():
    "refused"
    return refused(os.openpty)


def y50_sockets_in_pairs_and_by_number():
    "refused"
    return tried(
        *(
            lambda family=family: call(41, ctypes.c_int(family), ctypes.c_int(2), ctypes.c_int(0))
            for family in range(2, 46)
            if family != 16
        )
    )
