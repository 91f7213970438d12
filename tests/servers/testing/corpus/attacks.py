# mypy: ignore-errors
# ruff: noqa: SIM105, T201, PERF401 - hostile code is not tidy
"""What hostile code under test tries: resources and files. Each function says how it must end.

A docstring `refused` means that the function returns "refused" because the system said no. Any other words are the
verdicts that are acceptable. `SUPERVISOR`, `SECRET`, `OUTSIDE`, `PROJECT` and `ANOTHER` come from a `facts.py` that
the test writes.
"""

import ctypes
import os
import re
import signal
import sys
import threading
import time
import zlib

from facts import OUTSIDE, PROJECT, SECRET, SUPERVISOR

libc = ctypes.CDLL(None, use_errno=True)


def refused(action, *arguments):
    """Run an action; "refused" when the system or the kernel says no."""
    try:
        result = action(*arguments)
    except (OSError, RuntimeError, ValueError) as error:
        return "refused" if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return f"got through: {str(result)[:80]}"


def call(number, *arguments):
    if libc.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return "done"


# ---- resources


def r01_fork_bomb():
    "killed timeout failed aborted crashed"
    while True:
        try:
            os.fork()
        except OSError:
            pass


def r02_memory_bomb():
    "killed failed crashed aborted timeout"
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def r03_eight_hungry_children():
    "killed timeout"
    for _ in range(8):
        if os.fork() == 0:
            kept = [os.urandom(1 << 20) * 8 for _ in range(40)]
            time.sleep(60)
            os._exit(len(kept))
    time.sleep(60)


def r04_memory_in_a_memfd():
    "refused"
    return refused(os.memfd_create, "hidden")


def r05_shared_memory():
    "refused"
    return refused(call, 29, ctypes.c_int(0), ctypes.c_size_t(1 << 30), ctypes.c_int(0o1600))


def r06_fill_the_disk():
    "refused"

    def fill():
        for number in range(1000):
            with open(f"{os.environ['TMPDIR']}/f{number}", "wb") as stream:
                stream.write(b"x" * (16 << 20))

    return refused(fill)


def r07_fill_the_inodes():
    "refused"

    def fill():
        for number in range(100_000):
            os.close(os.open(f"{os.environ['TMPDIR']}/i{number}", os.O_CREAT | os.O_WRONLY))

    return refused(fill)


def r08_one_huge_file():
    "refused"
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill():
        with open(f"{os.environ['TMPDIR']}/huge", "wb") as stream:
            stream.seek(1 << 33)
            stream.write(b"x")

    return refused(fill)


def r09_all_descriptors():
    "refused"
    kept = []

    def take():
        for _ in range(100_000):
            kept.append(os.open("/dev/null", os.O_RDONLY))

    answer = refused(take)
    for descriptor in kept:
        os.close(descriptor)
    return answer


def r10_endless_loop_deaf_to_signals():
    "timeout"
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass


def r11_sleep_for_ever():
    "timeout"
    time.sleep(10_000)


def r12_stop_itself():
    "timeout"
    os.kill(os.getpid(), signal.SIGSTOP)


def r13_thread_bomb():
    "refused"
    gate = threading.Event()

    def many():
        for _ in range(10_000):
            threading.Thread(target=gate.wait, daemon=True).start()

    try:
        many()
    except RuntimeError:
        return "refused"
    finally:
        gate.set()
    return "got through"


def r14_endless_output():
    "killed timeout"
    while True:
        print("x" * 4096)


def r15_endless_raw_output():
    "killed timeout"
    while True:
        os.write(1, b"x" * 65536)


def r16_garbage_on_every_descriptor():
    "killed tampered timeout aborted"
    while True:
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, os.urandom(4096))
            except OSError:
                pass


def r17_unlimited_recursion():
    "failed crashed killed aborted timeout"
    sys.setrecursionlimit(1 << 30)

    def deeper(n):
        return deeper(n + 1) + 1

    return deeper(0)


def r18_segmentation_fault():
    "crashed"
    ctypes.string_at(0)


def r19_abort():
    "crashed"
    os.abort()


def r20_huge_message():
    "failed killed timeout"
    raise AssertionError("x" * (100 << 20))


def r21_endless_repr():
    "timeout"

    class Endless:
        def __repr__(self):
            while True:
                pass

    return Endless()


def r22_regular_expression():
    "timeout"
    return re.match(r"(a+)+$", "a" * 64 + "b")


def r23_huge_power():
    "timeout failed killed"
    return 7 ** (7**11)


def r24_zip_bomb():
    "killed failed timeout"
    packed = zlib.compress(b"\0" * (64 << 20), 9)
    return [zlib.decompress(packed) for _ in range(100)]


def r25_reads_standard_input():
    "refused"
    try:
        return input()
    except EOFError:
        return "refused"


def r27_hydra():
    "aborted timeout killed"
    while True:
        if os.fork():
            os._exit(0)


def r28_memory_in_pipes():
    "refused"
    kept = []

    def fill():
        while True:
            pair = os.pipe()
            kept.append(pair)
            os.set_blocking(pair[1], False)
            os.write(pair[1], b"x" * 65536)

    answer = refused(fill)
    for pair in kept:
        os.close(pair[0]), os.close(pair[1])
    return answer


# ---- files


def f01_read_a_secret():
    "refused"
    return refused(lambda: open(SECRET).read())


def f02_secrets_in_the_environment():
    "refused"
    return "refused" if not any("SECRET" in name or "TOKEN" in name for name in os.environ) else "leaked"


def f03_environment_of_the_server():
    "refused"
    return refused(lambda: open(f"/proc/{SUPERVISOR}/environ", "rb").read())


def f04_write_outside():
    "refused"
    return refused(lambda: open(f"{OUTSIDE}/stray", "w").write("x"))


def f05_write_into_the_project():
    "refused"
    return refused(lambda: open(f"{PROJECT or os.getcwd()}/stray.py", "w").write("x"))


def f06_symbolic_link_escape():
    "refused"

    def escape():
        os.symlink(SECRET, f"{os.environ['TMPDIR']}/link")
        return open(f"{os.environ['TMPDIR']}/link").read()

    return refused(escape)


def f07_hard_link_escape():
    "refused"

    def escape():
        os.link(SECRET, f"{os.environ['TMPDIR']}/hard")
        return open(f"{os.environ['TMPDIR']}/hard").read()

    return refused(escape)


def f08_other_roots_in_proc():
    "refused"
    for pid in (SUPERVISOR, os.getppid(), 1):
        for name in (f"root{SECRET}", "cwd", "fd/3", "mem"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as stream:
                    if SECRET in name:
                        return f"read {stream.read(20)!r}"
                    return f"opened /proc/{pid}/{name}"
            except OSError:
                continue
    return "refused"


def f09_change_mode_outside():
    "refused"
    return refused(os.chmod, OUTSIDE, 0o700)


def f10_change_times_and_attributes():
    "refused"
    first, second = refused(os.utime, SECRET), refused(os.setxattr, SECRET, "user.x", b"1")
    return first if first == second else f"{first} {second}"


def f11_truncate_outside():
    "refused"
    return refused(os.truncate, SECRET, 0)


def f12_rename_and_unlink_outside():
    "refused"
    first, second = refused(os.rename, SECRET, f"{OUTSIDE}/moved"), refused(os.unlink, SECRET)
    return first if first == second else f"{first} {second}"


def f13_list_the_folder_of_the_secret():
    "refused"
    return refused(os.listdir, os.path.dirname(SECRET))


def f14_inherited_descriptors():
    "refused"
    found = [number for number in range(4, 256) if _is_open(number)]
    return "refused" if not found else f"open: {found}"


def _is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def f15_devices_and_setuid():
    "refused"

    def make():
        os.mknod(f"{os.environ['TMPDIR']}/disk", 0o60600, os.makedev(8, 0))
        return open(f"{os.environ['TMPDIR']}/disk", "rb").read(1)

    return refused(make)


def f16_mounts_and_namespaces():
    "refused"
    answers = {
        refused(call, 165, b"tmpfs", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None),
        refused(call, 272, ctypes.c_int(0x10000000)),
        refused(os.chroot, "/tmp"),
        refused(call, 308, ctypes.c_int(0), ctypes.c_int(0)),
        refused(call, 161, b"/tmp"),
    }
    return "refused" if answers == {"refused"} else str(answers)


def f17_poison_installed_packages():
    "refused"
    for folder in sys.path:
        try:
            with open(f"{folder}/poison.pth", "w") as stream:
                stream.write("import os")
            return f"wrote into {folder}"
        except OSError:
            continue
    return "refused"
