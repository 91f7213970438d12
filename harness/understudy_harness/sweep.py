"""A sweep file: models x scaffolds x benchmarks x roles in TOML, as the cells of one run.

local = ["ollama:qwen3:4b", "ollama:gemma3:4b"]
cloud = ["openai:gpt-5-mini"]
scaffolds = ["Think()", "Retry(Direct(), tries=5)"]
controls = ["Direct(temperature=0.8)"]
benchmarks = ["gsm8k", "humaneval+"]

[[arms]]                     # an arm with roles of its own, on every benchmark or on one
label = "plan in the cloud"
scaffold = "Plan()"
benchmark = "gsm8k"
roles = {local = "ollama:qwen3:4b", cloud = "openai:gpt-5-mini"}
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy.spelling import fingerprint, spell
from understudy_harness.arms import BARE, Arm, build_arms, read_scaffold, roles_of
from understudy_harness.errors import SettingsError
from understudy_harness.settings import Cell

_LISTS = ("local", "cloud", "scaffolds", "controls", "benchmarks")
_KNOWN = {*_LISTS, "bare", "arms"}


def read_sweep(path: Path, *, seed: int = 0) -> tuple[Cell, ...]:
    """Read a sweep file.

    Raises:
        SettingsError: It is missing or broken; the message names the key.
    """
    content = _content(path)
    arms = content.get("arms", [])
    if not isinstance(arms, list) or not all(isinstance(entry, dict) for entry in arms):
        raise SettingsError(f"{path}: `arms` must be tables, written [[arms]].")
    names = content.get("benchmarks") or []
    if not names:
        raise SettingsError(f'{path}: `benchmarks` is missing. Write benchmarks = ["gsm8k"].')
    return tuple(
        Cell(benchmark=name, arms=_distinct([*_grid(content, name, seed), *_own(path, arms, name, seed)]))
        for name in names
    )


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from None
    unknown = sorted(set(content) - _KNOWN)
    if unknown:
        raise SettingsError(f"{path}: {unknown[0]!r} is not known. Known: {', '.join(sorted(_KNOWN))}.")
    for name in _LISTS:
        if name in content and not _all_texts(content[name]):
            raise SettingsError(f'{path}: `{name}` must be a list of texts, such as {name} = ["…"].')
    return content


def _all_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _grid(content: Mapping[str, Any], benchmark: str, seed: int) -> Iterator[Arm]:
    clouds = content.get("cloud") or [None]
    for local in content.get("local", []):
        for cloud in clouds:
            yield from build_arms(
                benchmark=benchmark,
                local=local,
                cloud=cloud,
                scaffolds=content.get("scaffolds", []),
                controls=content.get("controls", []),
                bare=content.get("bare", BARE),
                seed=seed,
            )


def _own(path: Path, entries: list[dict[str, Any]], benchmark: str, seed: int) -> Iterator[Arm]:
    for entry in entries:
        if entry.get("benchmark", benchmark) != benchmark:
            continue
        unknown = sorted(set(entry) - {"label", "scaffold", "roles", "benchmark", "kind"})
        if unknown:
            raise SettingsError(f"{path}: [[arms]] has {unknown[0]!r}, which is not known.")
        scaffold = read_scaffold(str(entry.get("scaffold", "")), option=f"{path}: scaffold")
        roles = entry.get("roles", {})
        missing = [role for role in roles_of(scaffold) if role not in roles]
        if missing:
            raise SettingsError(f"{path}: {spell(scaffold)} uses the role {missing[0]!r}; add it to `roles`.")
        kind = entry.get("kind", "S")
        if kind not in ("L", "S", "C", "CS", "control"):
            raise SettingsError(f"{path}: {kind!r} is no kind of arm. Use L, S, C, CS or control.")
        yield Arm(
            kind=kind,
            label=entry.get("label") or f"{kind} {spell(scaffold)}",
            scaffold=spell(scaffold),
            fingerprint=fingerprint(scaffold),
            models={role: roles[role] for role in roles_of(scaffold)},
            benchmark=benchmark,
            samples_of=benchmark,
            seed=seed,
        )


def _distinct(arms: list[Arm]) -> tuple[Arm, ...]:
    """Leave out arms that came twice, and tell equal labels apart by their models."""
    unique = list({arm.id: arm for arm in arms}.values())
    labels = [arm.label for arm in unique]
    return tuple(
        replace(arm, label=f"{arm.label} · {' + '.join(dict.fromkeys(arm.models.values()))}")
        if labels.count(arm.label) > 1
        else arm
        for arm in unique
    )
