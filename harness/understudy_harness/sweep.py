"""A sweep file: models x scaffolds x benchmarks x roles in TOML, as the cells of one run.

local = ["ollama:qwen3:4b", "ollama:gemma3:4b"]
cloud = ["openai:gpt-5-mini"]
scaffolds = ["Think()", "Retry(Direct(), tries=5)"]
controls = ["Direct(temperature=0.8)"]
benchmarks = ["gsm8k", "humaneval+"]
epochs = 3                   # --epochs overrides it

[[arms]]                     # an arm with roles of its own, on every benchmark or on one
label = "plan in the cloud"
scaffold = "Plan()"
benchmark = "gsm8k"
roles = {local = "ollama:qwen3:4b", cloud = "openai:gpt-5-mini"}
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from understudy.spelling import fingerprint, spell
from understudy_harness.arms import BARE, Arm, build_arms, read_scaffold, roles_of
from understudy_harness.errors import SettingsError
from understudy_harness.settings import Cell
from understudy_harness.wording import count

_LISTS = ("local", "cloud", "scaffolds", "controls", "benchmarks")
_KNOWN = {*_LISTS, "bare", "arms", "epochs"}
_OPTIONS = ("--seed", "--limit", "--split", "--concurrency", "--row-usd", "--row-tokens", "--row-seconds", "--most-usd")
"""What a run takes beside a sweep."""
_ARM_TEXTS = ("label", "scaffold", "benchmark", "kind")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a file asks for."""

    cells: tuple[Cell, ...]
    epochs: int | None = None


def read_sweep(path: Path, *, seed: int = 0) -> Sweep:
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
    for entry in arms:
        _check_arm(path, entry, names)
    cells = tuple(
        Cell(benchmark=name, arms=_distinct([*_of_grid(path, content, name, seed), *_own(path, arms, name, seed)]))
        for name in dict.fromkeys(names)
    )
    for cell in cells:
        labels = [arm.label for arm in cell.arms]
        doubled = next((label for label in labels if labels.count(label) > 1), None)
        if doubled is not None:
            raise SettingsError(
                f"{path}: two arms of {cell.benchmark} are called {doubled!r}. Give each [[arms]] a `label` of its own."
            )
        if len(cell.arms) < 2:
            raise SettingsError(
                f"{path}: {cell.benchmark} has {count(len(cell.arms), 'arm')}, which compares nothing. Add `local` "
                "models and `scaffolds`, a `cloud` model, or [[arms]]."
            )
    return Sweep(cells=cells, epochs=content.get("epochs"))


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Give the path of a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}.") from None
    _refuse_unknown(path, "", content, _KNOWN)
    for name in _LISTS:
        if name in content and not _all_texts(content[name]):
            raise SettingsError(f'{path}: `{name}` must be a list of texts, such as {name} = ["…"].')
    if not isinstance(content.get("bare", ""), str):
        raise SettingsError(f'{path}: `bare` must be a text, such as bare = "Direct()".')
    epochs = content.get("epochs", 1)
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise SettingsError(f"{path}: `epochs` must be a whole number of at least 1, not {epochs!r}.")
    return content


def _check_arm(path: Path, entry: Mapping[str, Any], benchmarks: Sequence[str]) -> None:
    _refuse_unknown(path, "[[arms]]: ", entry, {*_ARM_TEXTS, "roles"})
    for name in _ARM_TEXTS:
        if not isinstance(entry.get(name, ""), str):
            raise SettingsError(f"{path}: `{name}` of [[arms]] must be a text, not {entry[name]!r}.")
    roles = entry.get("roles", {})
    if not isinstance(roles, dict) or not all(isinstance(spec, str) for spec in roles.values()):
        raise SettingsError(
            f'{path}: `roles` of [[arms]] must be models by role, such as roles = {{local = "ollama:qwen3:4b"}}.'
        )
    benchmark = entry.get("benchmark")
    if benchmark is not None and benchmark not in benchmarks:
        raise SettingsError(
            f"{path}: [[arms]] names the benchmark {benchmark!r}, which is not among `benchmarks` "
            f"({', '.join(benchmarks)})."
        )
    if not entry.get("scaffold"):
        raise SettingsError(f'{path}: an entry of [[arms]] has no `scaffold`. Write scaffold = "Vote(n=5)".')


def _refuse_unknown(path: Path, place: str, content: Mapping[str, Any], known: Set[str]) -> None:
    name = min(set(content) - known, default=None)
    if name is None:
        return
    option = f"--{name.replace('_', '-')}"
    near = get_close_matches(name, sorted(known), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Give {option} beside --sweep." if option in _OPTIONS else ""
    raise SettingsError(f"{path}: {place}{name!r} is not known.{hint} Known: {', '.join(sorted(known))}.")


def _all_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _of_grid(path: Path, content: Mapping[str, Any], benchmark: str, seed: int) -> list[Arm]:
    try:
        return list(_grid(content, benchmark, seed))
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


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
        scaffold = read_scaffold(str(entry.get("scaffold", "")), option=f"{path}: scaffold")
        roles = entry.get("roles", {})
        missing = [role for role in roles_of(scaffold) if role not in roles]
        if missing:
            raise SettingsError(f"{path}: {spell(scaffold)} uses the role {missing[0]!r}; add it to `roles`.")
        unused = sorted(set(roles) - set(roles_of(scaffold)))
        if unused:
            used = ", ".join(roles_of(scaffold))
            raise SettingsError(f"{path}: {spell(scaffold)} has no role {unused[0]!r} (it has: {used}). Mend `roles`.")
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
