"""Which layers this machine gives, found by using each, and which of them a policy insists on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from understudy_servers.testing.worker.surroundings import ALL

Policy = Literal["strict", "standard", "weak"]
Network = Literal["none", "loopback"]
POLICIES: tuple[Policy, ...] = ("strict", "standard", "weak")


class SandboxRefused(Exception):
    """The policy asks for a protection this machine does not give; the text names it and the cure."""


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """The layers that every run asks for. A run that gets less than this is an error of ours, not a weaker run."""

    layers: tuple[str, ...] = ALL
    missing: dict[str, str] = field(default_factory=dict)
    network: Network = "none"
    cure: str = ""

    @property
    def word(self) -> str:
        """`full`, or the missing layers with the reason and the cure for this system, for every result."""
        if not self.missing:
            return "full"
        alike: dict[str, list[str]] = {}
        for name, reason in self.missing.items():
            alike.setdefault(reason, []).append(name)
        lacking = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in alike.items())
        return f"missing: {lacking}. {self.cure}".strip()

    @property
    def has_view(self) -> bool:
        return "view" in self.layers


def probe(
    attempt: Callable[[tuple[str, ...]], dict[str, str]],
    *,
    network: Network = "none",
    off: frozenset[str] = frozenset(),
) -> Isolation:
    """Find the largest set of layers that works; `attempt` runs an empty job and returns what it lacked, or OSError.

    A view that fails half way takes the whole run with it, so it is left out at the second try.
    """
    wanted = tuple(name for name in ALL if name not in off)
    switched_off = {name: "switched off" for name in ALL if name in off}
    reason = ""
    for leave_out in ((), ("view",), ("view", "network", "namespaces")):
        layers = tuple(name for name in wanted if name not in leave_out)
        try:
            missing = {**switched_off, **attempt(layers)}
        except OSError as error:
            reason = str(error)
            continue
        missing |= {name: reason for name in leave_out if name not in off}
        if "namespaces" in missing:
            missing.setdefault("view", missing["namespaces"])
        kept = tuple(name for name in layers if name not in missing)
        found = Isolation(layers=kept, missing=missing, network=network)
        return replace(found, cure=cure(found) if missing else "")
    raise SandboxRefused(f"No test can be run here: {reason}.")


def insist(isolation: Isolation, policy: Policy) -> None:
    """Refuse in words when a policy asks for what is missing.

    Raises:
        SandboxRefused: the text names the protection, why it is missing, and the cure for this system.
    """
    have = set(isolation.layers)
    if isolation.network == "loopback" and "network" not in have:
        raise SandboxRefused(f"`--network loopback` needs a network namespace, which is missing here. {isolation.cure}")
    if policy == "weak":
        return
    lacking = sorted(set(ALL) - have) if policy == "strict" else _unprotected(have)
    if lacking:
        raise SandboxRefused(
            f"The isolation policy {policy!r} is not met ({', '.join(lacking)}). {isolation.word} "
            f"Or start the server with `--isolation weak` to run tests without this protection."
        )


def _unprotected(have: set[str]) -> list[str]:
    """What the standard policy promises and these layers do not give, by either of two ways."""
    promises = {
        "no network": bool({"network", "seccomp"} & have),
        "no writes outside and the home hidden": bool({"view", "landlock"} & have),
        "limits": "limits" in have,
        "no privileges": "privileges" in have,
    }
    return [name for name, kept in promises.items() if not kept]


def cure(isolation: Isolation, root: Path = Path("/")) -> str:
    """One line on how to get the missing namespaces or Landlock on this system, whose files lie below `root`."""
    if _lost(isolation):
        if _reads(root / "proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
            return (
                "AppArmor restricts user namespaces: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`."
            )
        if (root / ".dockerenv").exists():
            return "In Docker: `docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined`."
        if _reads(root / "proc/sys/kernel/unprivileged_userns_clone") == "0":
            return "User namespaces are off: `sudo sysctl -w kernel.unprivileged_userns_clone=1`."
        if _reads(root / "proc/sys/user/max_user_namespaces") == "0":
            return "User namespaces are off: `sudo sysctl -w user.max_user_namespaces=10000`."
    if "landlock" in isolation.missing:
        return "Landlock needs Linux 5.13 and `landlock` in the kernel's `lsm=` list."
    return "Run `understudy test doctor` to see each layer."


def _lost(isolation: Isolation) -> set[str]:
    return {"namespaces", "network", "view"} & isolation.missing.keys()


def _reads(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def job_fields(isolation: Isolation) -> dict[str, Any]:
    return {"layers": list(isolation.layers), "network": isolation.network, "may_lack": list(isolation.missing)}
