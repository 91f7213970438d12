"""Arms: a scaffold and what plays its roles.

    L, C     the bare small and the bare large model
    S, CS    a scaffold with the small, with the large model in every role it uses
    control  a scaffold that is expected not to help, on the small model

A scaffold that names the role "cloud" calls the large model inside S: it is a router, and the report gives it the share
of those calls and its gain over the chord instead of a share of the gap.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from understudy.errors import SpellingError
from understudy.on import On
from understudy.scaffold import Scaffold, inner_scaffolds
from understudy.spelling import fingerprint, parse, spell
from understudy_harness.errors import SettingsError
from understudy_harness.ledger import short_hash

Kind = Literal["L", "S", "C", "CS", "control"]
BARE = "Direct()"
LOCAL, CLOUD = "local", "cloud"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way of answering every sample of a benchmark."""

    kind: Kind
    label: str
    """How the report names it; unique within a benchmark."""
    scaffold: str
    """Its spelling."""
    fingerprint: str
    models: Mapping[str, str]
    """Role -> spec of the model, for every role that the scaffold uses."""
    benchmark: str
    """The benchmark it is compared on."""
    samples_of: str
    """The benchmark its samples come from: another one only for a control with the same ids and grades."""
    seed: int

    @cached_property
    def id(self) -> str:
        """Hash of all that decides an answer, so that a row can be kept across runs and never mistaken."""
        return short_hash(
            [self.fingerprint, sorted(self.models.items()), self.benchmark, self.samples_of, self.seed, "v1"]
        )

    @property
    def is_router(self) -> bool:
        """Whether a small-model arm calls the large model for some samples."""
        return self.kind in ("S", "control") and len(set(self.models.values())) > 1

    def described(self) -> dict[str, Any]:
        """The arm as JSON data, for the header of a ledger."""
        return {
            "id": self.id,
            "kind": self.kind,
            "label": self.label,
            "scaffold": self.scaffold,
            "fingerprint": self.fingerprint,
            "models": dict(self.models),
            "benchmark": self.benchmark,
            "samples_of": self.samples_of,
            "seed": self.seed,
            "router": self.is_router,
        }


def roles_of(scaffold: Scaffold) -> tuple[str, ...]:
    """The roles whose models a scaffold calls, "local" first where it is used."""
    found = sorted(_roles(scaffold, LOCAL))
    return tuple(sorted(found, key=lambda role: role != LOCAL))


def read_scaffold(text: str, *, option: str = "--scaffold") -> Scaffold:
    """Parse a scaffold that a user wrote.

    Raises:
        SettingsError: It does not parse; the message says what is known.
    """
    try:
        return parse(text)
    except SpellingError as error:
        raise SettingsError(f"{option} {text!r}: {error}") from None


def build_arms(
    *,
    benchmark: str,
    local: str,
    cloud: str | None,
    scaffolds: Sequence[str],
    controls: Sequence[str] = (),
    bare: str = BARE,
    seed: int = 0,
) -> tuple[Arm, ...]:
    """Make L, C and, for every scaffold, S and CS; then the controls.

    Args:
        benchmark: Spec of the benchmark.
        local: Spec of the small model.
        cloud: Spec of the large model; None leaves out C and CS.
        scaffolds: Spellings.
        controls: Spellings, each perhaps with `@BENCHMARK` behind it: the same ids with, say, misleading problems.
        bare: Spelling of the bare arm, the same for both models.
        seed: Everything that is drawn follows from it.

    Raises:
        SettingsError: A spelling does not parse, or two arms are the same.
    """
    make = _Maker(benchmark=benchmark, local=local, cloud=cloud, seed=seed)
    naked = read_scaffold(bare, option="--bare")
    arms = [make.arm("L", naked, "")]
    if cloud is not None:
        arms.append(make.arm("C", naked, ""))
    for text in scaffolds:
        inner = read_scaffold(text)
        arms.append(make.arm("S", inner, ""))
        if cloud is not None:
            arms.append(make.arm("CS", inner, ""))
    for text in controls:
        spelling, _, other = text.partition("@")
        arms.append(make.arm("control", read_scaffold(spelling, option="--control"), other))
    _all_different(arms)
    return tuple(arms)


@dataclass(frozen=True, kw_only=True)
class _Maker:
    benchmark: str
    local: str
    cloud: str | None
    seed: int

    def arm(self, kind: Kind, scaffold: Scaffold, samples_of: str) -> Arm:
        spelling = spell(scaffold)
        label = kind if kind in ("L", "C") else f"{kind} {spelling}"
        return Arm(
            kind=kind,
            label=f"{label} @{samples_of}" if samples_of else label,
            scaffold=spelling,
            fingerprint=fingerprint(scaffold),
            models={role: self._model(kind, role, spelling) for role in roles_of(scaffold)},
            benchmark=self.benchmark,
            samples_of=samples_of or self.benchmark,
            seed=self.seed,
        )

    def _model(self, kind: Kind, role: str, spelling: str) -> str:
        if kind in ("C", "CS"):
            assert self.cloud is not None
            return self.cloud
        if role != CLOUD:
            return self.local
        if self.cloud is None:
            raise SettingsError(f"{spelling} uses the role 'cloud' and no cloud model is given. Add --cloud SPEC.")
        return self.cloud


def _roles(value: Any, role: str) -> set[str]:
    """Walk the tree: `On` changes the role of what is inside it, and any field called `role` or `…_role` names one."""
    if isinstance(value, On):
        return _roles(value.inner, value.role)
    named = {
        getattr(value, field.name) for field in fields(value) if field.name == "role" or field.name.endswith("_role")
    }
    inner = list(_inner(value))
    found = {name for name in named if isinstance(name, str)}
    for held in inner:
        found |= _roles(held, role)
    return found if inner and not _asks_itself(value) else found | {role}


def _inner(value: Any) -> Iterator[Any]:
    below = list(inner_scaffolds(value))[1:]
    nested = {id(deep) for held in below for deep in list(inner_scaffolds(held))[1:]}
    yield from (held for held in below if id(held) not in nested)


def _asks_itself(value: Any) -> bool:
    return bool(getattr(type(value), "asks_model", False))


def _all_different(arms: Sequence[Arm]) -> None:
    labels: set[str] = set()
    for arm in arms:
        if arm.label in labels:
            raise SettingsError(f"The arm {arm.label!r} is given twice. Leave one of them out.")
        labels.add(arm.label)
