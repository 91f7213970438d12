# mypy: ignore-errors
# ruff: noqa: PERF401, PLC0415 - hostile code is not tidy
"""Attacks thought of last: other doors of the kernel, memory and time. Each says how it ends."""

import ctypes
import ctypes.util
import gc
import mmap
import os
import pathlib
import signal
import struct
import sys
import threading
import time

from attacks import call, refused
from facts import OUTSIDE, SECRET, SUPERVISOR

TEMP = os.environ["TMPDIR"]
libc = ctypes.CDLL(None, use_errno=True)


def tried(*actions):
    """All of these must be refused."""
    answers = [refused(action) for action in actions]
    wrong = [answer for answer in answers if answer != "refused"]
    return "refused" if not wrong else str(wrong)


# ---- other doors of the kernel


def y01_io_uring_all_calls():
    "refused"
    params = ctypes.create_string_buffer(120)
    return tried(
        lambda: call(425, ctypes.c_uint(8), params),
        lambda: call(
            426, ctypes.c_int(0), ctypes.c_uint(1), ctypes.c_uint(0), ctypes.c_uint(0), None, ctypes.c_size_t(0)
        ),
        lambda: call(427, ctypes.c_int(0), ctypes.c_uint(0), None, ctypes.c_uint(0)),
    )


def y02_userfaultfd_by_device():
    "refused"
    return tried(
        lambda: call(323, ctypes.c_int(1)),
        lambda: os.open("/dev/userfaultfd", os.O_RDWR),
    )


def y03_bpf_programs_and_maps():
    "refused"
    attr = ctypes.create_string_buffer(128)
    return tried(*(lambda c=c: call(321, ctypes.c_int(c), attr, ctypes.c_uint(128)) for c in (0, 5, 18)))


def y04_performance_counters():
    "refused"
    attr = ctypes.create_string_buffer(struct.pack("II", 1, 128) + bytes(120))
    return tried(
        *(
            lambda p=p: call(298, attr, ctypes.c_int(p), ctypes.c_int(-1), ctypes.c_int(-1), ctypes.c_ulong(0))
            for p in (0, -1)
        )
    )


def y05_session_keyrings():
    "refused"
    return tried(
        lambda: call(250, ctypes.c_int(1), b"understudy"),
        lambda: call(250, ctypes.c_int(0), ctypes.c_int(-4), ctypes.c_int(1)),
        lambda: call(249, b"user", b"x", None, ctypes.c_int(-3)),
    )


def y06_new_mount_calls():
    "refused"
    return tried(
        lambda: call(428, ctypes.c_int(-100), b"/", ctypes.c_uint(1)),
        lambda: call(430, b"tmpfs", ctypes.c_uint(0)),
        lambda: call(442, ctypes.c_int(-100), b"/", ctypes.c_uint(0), None, ctypes.c_size_t(0)),
        lambda: call(429, ctypes.c_int(-100), b"/", ctypes.c_int(-100), b"/tmp", ctypes.c_uint(0)),
        lambda: call(155, b".", b"."),
    )


def y07_namespaces_by_clone():
    "refused"
    flags = (0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x02000000)
    answers = []
    for flag in flags:
        pid = libc.syscall(56, ctypes.c_ulong(flag | signal.SIGCHLD), None, None, None, None)
        if pid == 0:
            os._exit(0)
        answers.append(pid)
    return "refused" if all(answer < 0 for answer in answers) else str(answers)


def y08_clone3_with_a_namespace():
    "refused"
    arguments = struct.pack("QQQQQQQQ", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    buffer = ctypes.create_string_buffer(arguments)
    pid = libc.syscall(435, buffer, ctypes.c_size_t(64))
    if pid == 0:
        os._exit(0)
    return "refused" if pid < 0 else f"cloned {pid}"


def y09_file_handles():
    "refused"
    handle = ctypes.create_string_buffer(struct.pack("II", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    return tried(
        lambda: call(303, ctypes.c_int(-100), b"/", handle, ctypes.byref(mount), ctypes.c_int(0)),
        lambda: call(304, ctypes.c_int(3), handle, ctypes.c_int(0)),
    )


def y10_watch_the_file_system():
    "refused"
    first = refused(call, 300, ctypes.c_uint(0), ctypes.c_uint(0))
    descriptor = libc.inotify_init1(0)
    seen = "refused"
    if descriptor >= 0:
        for path in (OUTSIDE, os.path.dirname(SECRET)):
            if libc.inotify_add_watch(descriptor, path.encode(), 0xFFF) >= 0:
                seen = f"watches {path}"
        os.close(descriptor)
    return first if first == seen else f"{first} {seen}"


def y11_memory_that_stays_secret():
    "refused"
    return tried(
        lambda: call(447, ctypes.c_uint(0)),
        lambda: call(319, b"x", ctypes.c_uint(0)),
        lambda: call(319, b"x", ctypes.c_uint(4)),
        lambda: call(30, ctypes.c_int(0), None, ctypes.c_int(0)),
        lambda: call(31, ctypes.c_int(0), ctypes.c_int(0), None),
    )


def y12_turn_the_filter_off():
    "refused"
    before = pathlib.Path("/proc/self/status").read_text() if os.path.exists("/proc/self/status") else ""
    libc.prctl(22, 0, 0, 0, 0)
    libc.prctl(38, 0, 0, 0, 0)
    libc.prctl(8, 1, 0, 0, 0)
    libc.prctl(47, 2, 0, 0, 0)
    after = pathlib.Path("/proc/self/status").read_text() if before else ""
    weaker = [
        name
        for name in ("Seccomp:", "NoNewPrivs:", "CapEff:")
        if name in before and _line(before, name) != _line(after, name)
    ]
    return "refused" if not weaker else str(weaker)


def _line(text, name):
    return next((line for line in text.splitlines() if line.startswith(name)), "")


def y13_become_somebody_else():
    "refused"
    return tried(
        lambda: os.setuid(0),
        lambda: os.setresuid(0, 0, 0),
        lambda: os.setgroups([0]),
        lambda: os.setgid(0),
        lambda: call(
            126,
            ctypes.create_string_buffer(struct.pack("II", 0x20080522, 0)),
            ctypes.create_string_buffer(b"\xff" * 24),
        ),
    )


def y14_priorities_of_real_time():
    "refused"
    return tried(
        lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)),
        lambda: os.nice(-20),
        lambda: call(302, ctypes.c_int(0), ctypes.c_int(14), struct.pack("QQ", 99, 99), None),
    )


def y15_signals_with_a_lie():
    "refused"
    info = ctypes.create_string_buffer(
        struct.pack("iiiiii", signal.SIGKILL, 0, -1, 0, os.getpid(), os.getuid()) + bytes(104)
    )
    for pid in (SUPERVISOR, os.getppid(), 1):
        for number in (signal.SIGKILL, signal.SIGSTOP):
            libc.syscall(129, ctypes.c_int(pid), ctypes.c_int(number), info)
            libc.syscall(234, ctypes.c_int(pid), ctypes.c_int(pid), ctypes.c_int(number))
            libc.syscall(200, ctypes.c_int(pid), ctypes.c_int(number))
    time.sleep(0.05)
    return "refused"


def y16_signal_the_group_and_the_session():
    "refused aborted crashed"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for group in {os.getpgid(0), os.getsid(0)} - {os.getpid()}:
        try:
            os.killpg(group, signal.SIGTERM)
        except OSError:
            continue
    return "refused"


def y17_death_of_the_parent_as_a_signal():
    "refused"
    libc.prctl(1, 0, 0, 0, 0)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True:
            time.sleep(60)
    return "refused"


# ---- memory, space and time


def y18_hugely_sparse_memory():
    "refused"
    kept = []

    def take():
        for _ in range(64):
            kept.append(mmap.mmap(-1, 1 << 33))

    answer = refused(take)
    for block in kept:
        block.close()
    return answer


def y19_locked_memory():
    "refused"
    block = mmap.mmap(-1, 256 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    return refused(call, 149, ctypes.c_void_p(address), ctypes.c_size_t(256 << 20))


def y20_timers_without_end():
    "timeout killed crashed failed aborted refused"
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
    time.sleep(0.3)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return "refused"


def y21_threads_that_outlive_the_tests():
    "refused timeout aborted"
    threading._shutdown = lambda: None

    def stay():
        while True:
            time.sleep(0.01)

    for _ in range(8):
        threading.Thread(target=stay, daemon=False).start()
    return "refused"


def y22_locks_that_nobody_frees():
    "timeout aborted failed"
    import logging

    logging._lock.acquire()
    sys.stdout.flush = lambda: time.sleep(1000)
    threading.Thread(target=lambda: time.sleep(1000)).start()
    while True:
        time.sleep(1)


def y23_fork_in_a_tight_spot():
    "refused"
    for _ in range(50):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    for _ in range(30):
        if os.fork() == 0:
            time.sleep(0.001)
            os._exit(0)
    return "refused"


def y24_collector_without_end():
    "timeout killed"

    class Again:
        def __del__(self):
            Again()

    Again()
    gc.callbacks.append(lambda *_: [Again() for _ in range(3)])
    while True:
        gc.collect()


def y25_deep_data_for_the_report():
    "failed killed crashed aborted timeout"
    nested = []
    for _ in range(200_000):
        nested = [nested]
    raise ValueError(nested)
