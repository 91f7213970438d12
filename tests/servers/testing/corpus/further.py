# mypy: ignore-errors
# ruff: noqa: SIM105, T201 - hostile code is not tidy
"""More of what hostile code tries, thought of after the first list. The docstrings say how each must end."""

import atexit
import ctypes
import fcntl
import gc
import mmap
import os
import resource
import signal
import sys
import threading
import time

from attacks import call, refused
from facts import OUTSIDE, SECRET, SUPERVISOR

TEMP = os.environ["TMPDIR"]
OTHERS = (SUPERVISOR, os.getppid(), 1)


def any_got_through(action):
    """Try an action on each process that is not ours."""
    for pid in OTHERS:
        answer = refused(action, pid)
        if answer != "refused":
            return f"{pid}: {answer}"
    return "refused"


# ---- the server, and process 1 of the run


def x01_lower_the_limits_of_the_server():
    "refused"
    return any_got_through(lambda pid: resource.prlimit(pid, resource.RLIMIT_CPU, (0, 0)))


def x02_starve_the_server():
    "refused"
    tries = (
        lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
        lambda pid: os.sched_setaffinity(pid, {0}),
        lambda pid: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
        lambda pid: call(251, ctypes.c_int(1), ctypes.c_int(pid), ctypes.c_int(3 << 13)),
    )
    answers = {any_got_through(attempt) for attempt in tries}
    answers.add(refused(os.setpriority, os.PRIO_USER, 0, 19))
    return "refused" if answers == {"refused"} else str(answers)


def x03_stop_the_server():
    "refused"
    for pid in OTHERS:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except OSError:
                continue
    return "refused"


def x04_signal_the_server_by_a_pipe():
    "refused aborted"
    reader, writer = os.pipe()
    for pid in OTHERS:
        for command, value in ((fcntl.F_SETOWN, pid), (10, signal.SIGKILL), (fcntl.F_SETFL, os.O_ASYNC)):
            try:
                fcntl.fcntl(reader, command, value)
            except OSError:
                continue
        os.write(writer, b"x")
    time.sleep(0.05)
    return "refused"


def x05_trace_all_that_can_be_seen():
    "refused"
    mine = {os.getpid(), threading.get_native_id()}
    seen = {int(name) for name in os.listdir("/proc") if name.isdigit()} if os.path.isdir("/proc") else set()
    for pid in (seen | set(OTHERS)) - mine:
        for request in (16, 0x4206):
            answer = refused(call, 101, ctypes.c_long(request), ctypes.c_long(pid), None, None)
            if answer != "refused":
                return f"{pid}: {answer}"
    return "refused"


def x06_write_into_the_memory_of_others():
    "refused"
    for pid in OTHERS:
        for name in ("mem", "environ", "maps", "auxv", "syscall", "oom_score_adj", "clear_refs"):
            try:
                with open(
                    f"/proc/{pid}/{name}", "r+b" if name in {"mem", "oom_score_adj", "clear_refs"} else "rb"
                ) as f:
                    f.read(1)
                return f"opened {pid}/{name}"
            except OSError:
                continue
    return "refused"


def x07_settings_of_the_kernel():
    "refused"
    for path in (
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/self/oom_score_adj",
        "/sys/power/state",
    ):
        try:
            with open(path, "w") as stream:
                stream.write("0")
            return f"wrote {path}"
        except OSError:
            continue
    return "refused"


def x08_log_of_the_kernel():
    "refused"
    buffer = ctypes.create_string_buffer(4096)
    return refused(call, 103, ctypes.c_int(3), buffer, ctypes.c_int(4096))


def x09_keys_that_outlive_the_run():
    "refused"
    return refused(call, 248, b"user", b"understudy", b"x", ctypes.c_size_t(1), ctypes.c_int(-4))


def x10_semaphores_and_queues_that_outlive_the_run():
    "refused"
    first = refused(call, 64, ctypes.c_int(0x5EED), ctypes.c_int(1), ctypes.c_int(0o1600))
    second = refused(call, 240, b"understudy", ctypes.c_int(os.O_CREAT | os.O_RDWR), ctypes.c_int(0o600), None)
    return first if first == second else f"{first} {second}"


def x11_memory_of_others_by_advice():
    "refused"
    handle = -1
    try:
        handle = os.pidfd_open(os.getppid())
    except OSError:
        pass
    first = refused(call, 440, ctypes.c_int(handle), None, ctypes.c_size_t(0), ctypes.c_int(21), ctypes.c_uint(0))
    second = refused(call, 448, ctypes.c_int(handle), ctypes.c_uint(0))
    return first if first == second else f"{first} {second}"


# ---- memory and space


def x12_shared_memory_that_is_nobodys():
    "killed"
    kept = []
    for _ in range(8):
        block = mmap.mmap(-1, 128 << 20)
        kept.append(block)
        for place in range(0, len(block), 4096):
            block[place] = 1
    time.sleep(600)


def x13_shared_memory_of_many_processes():
    "killed"
    for _ in range(8):
        if os.fork() == 0:
            block = mmap.mmap(-1, 128 << 20)
            for place in range(0, len(block), 4096):
                block[place] = 1
            time.sleep(600)
    time.sleep(600)


def x14_fill_the_shared_folder():
    "refused"

    def fill():
        with open("/dev/shm/full", "wb") as stream:
            for _ in range(1000):
                stream.write(b"x" * (1 << 20))

    return refused(fill)


def x15_a_folder_nobody_may_enter():
    "refused"
    os.makedirs(f"{TEMP}/locked/inner")
    with open(f"{TEMP}/locked/inner/file", "w") as stream:
        stream.write("x")
    os.chmod(f"{TEMP}/locked/inner", 0)
    os.chmod(f"{TEMP}/locked", 0)
    return "refused"


def x16_folders_without_end():
    "refused"
    os.chdir(TEMP)
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    return "refused"


def x17_links_where_the_server_cleans_up():
    "refused"
    os.symlink(OUTSIDE, f"{TEMP}/folder")
    os.symlink(SECRET, f"{TEMP}/file")
    os.symlink("/", os.path.join(os.environ["HOME"], "root"))
    return "refused"


def x18_names_no_text_can_hold():
    "refused"
    folder = os.fsencode(TEMP)
    for name in (b"\xff\xfe", b"new\nline", b"\x1b[2J", b"-rf", b" " * 200):
        os.mkdir(folder + b"/" + name)
    return "refused"


# ---- processes that want to stay


def x19_a_sibling_instead_of_a_child():
    "refused"
    libc = ctypes.CDLL(None)
    if libc.syscall(56, ctypes.c_ulong(0x8000 | signal.SIGCHLD), None, None, None, None) == 0:
        while True:
            time.sleep(600)
    return "refused"


def x20_a_stopped_daemon():
    "refused"
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(600)
        os._exit(0)
    return "refused"


def x21_a_daemon_that_adopts_orphans():
    "refused"
    if os.fork() == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(600)
        time.sleep(600)
    time.sleep(0.05)
    return "refused"


def x22_become_another_program():
    "aborted"
    os.execv("/bin/true", ["true"])


def x23_leave_in_the_last_moment():
    "aborted failed"
    atexit.register(os._exit, 0)
    threading.Thread(target=lambda: (time.sleep(0.01), os._exit(0))).start()
    raise ValueError("no")


def x24_close_every_descriptor():
    "aborted failed"
    os.closerange(0, 256)
    raise ValueError("no")


def x25_a_second_thread_that_keeps_talking():
    "tampered failed aborted killed"

    def talk():
        while True:
            try:
                os.write(3, b'{"k": "x", "n": 0, "e": "end", "code": 0}\n')
            except OSError:
                return

    threading.Thread(target=talk, daemon=True).start()
    time.sleep(0.05)
    raise ValueError("no")


# ---- words


def x26_escapes_in_what_is_printed():
    "failed"
    print("\x1b[2J\x1b]52;c;ZXZpbA==\x07 \u202eevil \x9b31m")
    sys.stderr.write("\x1bPevil\x1b\\")
    raise ValueError("no")


def x27_escapes_in_the_names_of_things():
    "failed"
    name = "\x1b[2J\n=== 1 passed ===\u202e"
    space = {"Error": type(name, (Exception,), {"__module__": name})}
    exec(compile("def broken():\n    raise Error('no')\n", name, "exec"), space)
    space["broken"].__code__ = space["broken"].__code__.replace(co_name=name)
    space["broken"]()


def x28_a_text_that_lies_about_its_length():
    "failed killed tampered"

    class Text(str):
        def __len__(self):
            return 0

        def __str__(self):
            return self

        def isprintable(self):
            return True

    raise ValueError(Text("\x1b[2J" * (1 << 20)))


def x29_an_error_that_cannot_be_described():
    "failed aborted crashed"

    class Strange(BaseException):
        def __str__(self):
            raise SystemExit(0)

        __repr__ = __str__

        @property
        def __class__(self):
            raise KeyboardInterrupt

        @property
        def __traceback__(self):
            raise MemoryError

    raise Strange


def x30_secrets_in_what_was_there_before_the_fork():
    "refused"
    words = [thing for thing in gc.get_objects() if isinstance(thing, dict)]
    found = [key for table in words for key, value in list(table.items()) if value == "the secret"]
    return "refused" if not found else f"found {found}"
