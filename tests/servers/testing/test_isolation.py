"""Which layers are found, what a policy insists on, and the words and cures for what is missing."""

from pathlib import Path
from typing import Any

import pytest

from understudy_servers.testing.engines.isolation import Isolation, SandboxRefused, cure, insist, probe
from understudy_servers.testing.worker.surroundings import ALL

NAMESPACES = ("namespaces", "network", "view")


def lacking(*names: str, reason: str = "not here") -> Isolation:
    kept = tuple(name for name in ALL if name not in names)
    return Isolation(layers=kept, missing=dict.fromkeys(names, reason), cure="Do this.")


def test_every_layer_that_works_is_kept_and_the_word_is_full() -> None:
    found = probe(lambda layers: {})
    assert (found.layers, found.word, found.has_view) == (ALL, "full", True)


@pytest.mark.parametrize(
    ("refused", "missing"),
    [(("view",), {"view"}), (("view", "network", "namespaces"), set(NAMESPACES))],
)
def test_a_layer_that_takes_the_run_with_it_is_left_out_at_the_next_try(
    refused: tuple[str, ...], missing: set[str]
) -> None:
    def attempt(layers: tuple[str, ...]) -> dict[str, str]:
        if set(refused) & set(layers):
            raise OSError("no mounts here")
        return {name: "switched off" for name in ALL if name not in layers}  # as a run says it

    found = probe(attempt)
    assert found.missing.keys() == missing
    assert not found.has_view
    assert "no mounts here" in found.word


def test_a_layer_that_says_itself_that_it_is_missing_is_named_with_its_reason() -> None:
    found = probe(lambda layers: {"landlock": "not in this kernel"})
    assert found.word.startswith("missing: landlock (not in this kernel). Landlock needs Linux 5.13")


def test_without_namespaces_there_is_no_view_either() -> None:
    found = probe(lambda layers: {"namespaces": "Operation not permitted", "network": "Operation not permitted"})
    assert found.missing.keys() == set(NAMESPACES)


def test_a_system_on_which_nothing_starts_is_refused() -> None:
    def attempt(layers: tuple[str, ...]) -> dict[str, str]:
        raise OSError("out of memory")

    with pytest.raises(SandboxRefused, match="out of memory"):
        probe(attempt)


def test_reasons_that_are_alike_are_told_once() -> None:
    assert lacking(*NAMESPACES).word == "missing: namespaces, network, view (not here). Do this."


@pytest.mark.parametrize("policy", ["strict", "standard", "weak"])
def test_all_layers_satisfy_every_policy(policy: Any) -> None:
    insist(Isolation(), policy)


@pytest.mark.parametrize(
    ("policy", "missing", "refused"),
    [
        ("strict", ("landlock",), True),
        ("standard", ("landlock",), False),
        ("standard", NAMESPACES, False),
        ("standard", ("network", "seccomp"), True),
        ("standard", ("view", "landlock"), True),
        ("standard", ("limits",), True),
        ("standard", ("privileges",), True),
        ("weak", ALL, False),
    ],
)
def test_a_policy_refuses_what_it_cannot_promise_and_names_it_with_the_cure(
    policy: Any, missing: tuple[str, ...], refused: bool
) -> None:
    found = lacking(*missing)
    if not refused:
        insist(found, policy)
        return
    with pytest.raises(SandboxRefused) as refusal:
        insist(found, policy)
    assert all(part in str(refusal.value) for part in (policy, *missing, "Do this.", "--isolation weak"))


def test_loopback_without_a_network_of_its_own_is_refused_even_when_weak() -> None:
    found = Isolation(layers=("limits",), missing={"network": "no"}, network="loopback", cure="Do this.")
    with pytest.raises(SandboxRefused, match=r"needs a network namespace.*Do this"):
        insist(found, "weak")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", "AppArmor"),
        (".dockerenv", "", "docker run"),
        ("proc/sys/kernel/unprivileged_userns_clone", "0\n", "unprivileged_userns_clone=1"),
        ("proc/sys/user/max_user_namespaces", "0\n", "max_user_namespaces=10000"),
        ("proc/version", "Linux", "understudy test doctor"),
    ],
)
def test_the_cure_is_the_one_for_this_system(tmp_path: Path, file: str, text: str, said: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert said in cure(lacking(*NAMESPACES), tmp_path)
    assert "understudy test doctor" in cure(lacking("seccomp"), tmp_path)
