"""A system call filter in hand-written BPF: refuse what tests never need and attacks do."""

import ctypes
import struct

from understudy_servers.testing.worker.syscalls import MACHINE, PR_SET_NO_NEW_PRIVS, call, number, prctl

# name -> (x86_64, aarch64); -1: not on that machine. Refused with EPERM.
DENIED = {
    # other processes and kernel objects that cross borders
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "kcmp": (312, 272), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "fanotify_init": (300, 262),
    # io_uring opens sockets past a filter on socket()
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "quotactl": (179, 60),
    # the machine itself
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "personality": (135, 92), "vhangup": (153, 58), "iopl": (172, -1), "ioperm": (173, -1), "modify_ldt": (154, -1),
    "nfsservctl": (180, 42), "sysfs": (139, -1), "_sysctl": (156, -1), "lookup_dcookie": (212, 18),
    "mbind": (237, 235), "move_pages": (279, 239), "syslog": (103, 116), "quotactl_fd": (443, 443),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
    # memory that no counter of a process shows, and what outlives a run where there is no namespace
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180),
}  # fmt: skip
# Landlock does not ask who watches a folder; where there is no private view, that tells of other programs' files.
WATCHING = {"inotify_add_watch": (254, 27)}
# Calls that may change any process of the same user: name -> (x86_64, aarch64, arguments that must have these values).
OWN_ONLY = {
    "prlimit64": (302, 261, (0,)), "sched_setparam": (142, 118, (0,)), "sched_setscheduler": (144, 119, (0,)),
    "sched_setaffinity": (203, 122, (0,)), "sched_setattr": (314, 274, (0,)), "migrate_pages": (256, 238, (0,)),
    "setpriority": (141, 140, (0, 0)), "ioprio_set": (251, 30, (1, 0)),
}  # fmt: skip
# clone, clone3, ioctl, socket, fcntl
SPECIAL = {"x86_64": (56, 435, 16, 41, 72), "aarch64": (220, 435, 29, 198, 25)}
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
REFUSE, KILL, ALLOW = 0x00050000, 0x80000000, 0x7FFF0000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
F_SETLEASE, F_NOTIFY = 1024, 1026  # on a file of the same user a lease makes others wait, a notice tells of them
LOCAL_FAMILIES = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink: what a loopback-only namespace can do no harm with

Instruction = tuple[int, int, int, int]


def _program(*, loopback: bool, watching: bool) -> list[Instruction]:
    clone, clone3, ioctl, socket, fcntl = SPECIAL[MACHINE]
    column = 0 if MACHINE == "x86_64" else 1
    load_number: Instruction = (LOAD, 0, 0, 0)
    program: list[Instruction] = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, AUDIT_ARCH[MACHINE]),
        (RETURN, 0, 0, KILL),
        load_number,
    ]
    if MACHINE == "x86_64":  # the x32 numbers would pass every comparison below
        program += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, KILL)]
    refused = {**DENIED, **({} if watching else WATCHING)}
    for numbers in refused.values():
        if numbers[column] >= 0:
            program += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, REFUSE | EPERM)]
    # clone3 passes its flags in memory, where a filter cannot look: "no such call" makes libc fall back to clone
    program += [(EQUAL, 0, 1, clone3), (RETURN, 0, 0, REFUSE | ENOSYS)]
    program += [
        (EQUAL, 0, 4, clone),
        (LOAD, 0, 0, 16),
        (ANY_BIT, 0, 1, NEW_NAMESPACES),
        (RETURN, 0, 0, REFUSE | EPERM),
        load_number,
    ]
    for call_number, first, second in ((ioctl, TIOCSTI, TIOCLINUX), (fcntl, F_SETLEASE, F_NOTIFY)):
        program += [
            (EQUAL, 0, 5, call_number),
            (LOAD, 0, 0, 24),
            (EQUAL, 1, 0, first),
            (EQUAL, 0, 1, second),
            (RETURN, 0, 0, REFUSE | EPERM),
            load_number,
        ]
    for intel, arm, wanted in OWN_ONLY.values():
        program += _own_process_rules(arm if column else intel, wanted)
    program += _socket_rules(socket, loopback=loopback)
    return [*program, (RETURN, 0, 0, ALLOW)]


def _own_process_rules(number: int, wanted: tuple[int, ...]) -> list[Instruction]:
    """Allow a call only where its first arguments, 32 bits each, have the wanted values."""
    refuse: Instruction = (RETURN, 0, 0, REFUSE | EPERM)
    inner: list[Instruction] = []
    for index, value in enumerate(wanted):
        inner += [(LOAD, 0, 0, 16 + 8 * index), (EQUAL, 1, 0, value), refuse]
    return [(EQUAL, 0, len(inner) + 1, number), *inner, (LOAD, 0, 0, 0)]


def _socket_rules(socket: int, *, loopback: bool) -> list[Instruction]:
    if not loopback:
        return [(EQUAL, 0, 1, socket), (RETURN, 0, 0, REFUSE | EPERM)]
    families = [(EQUAL, len(LOCAL_FAMILIES) - index, 0, family) for index, family in enumerate(LOCAL_FAMILIES)]
    inner: list[Instruction] = [(LOAD, 0, 0, 16), *families, (RETURN, 0, 0, REFUSE | EAFNOSUPPORT), (LOAD, 0, 0, 0)]
    return [(EQUAL, 0, len(inner), socket), *inner]


def filter_calls(*, loopback: bool, watching: bool = True) -> None:
    """Install the filter on this process and its children for good; `watching`: files may be watched for changes.

    Raises:
        OSError: the kernel has no seccomp filters, or this machine's system call numbers are not known.
    """
    if MACHINE not in SPECIAL:
        raise OSError(38, f"seccomp: system call numbers of {MACHINE} are not known")
    program = _program(loopback=loopback, watching=watching)
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer)), 16)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    call(number("seccomp"), ctypes.c_uint(1), ctypes.c_uint(0), header)
