"""What a run measured, as the figures that costs are worked out from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy_harness.analysis import ArmResult, BenchmarkResult, analyze
from understudy_harness.columns import read_columns
from understudy_harness.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An arm of the small model and one of the large model on the same benchmark."""

    local: ArmResult
    cloud: ArmResult

    @property
    def accepted(self) -> float | None:
        """Share of the local arm's answers that its check accepted; None where it asked none."""
        found = self.local.precision
        return None if found.share is None else found.accepted / self.local.rows

    @property
    def precision(self) -> float:
        """Share of the accepted ones that are right."""
        return self.local.precision.share or 0.0

    def words(self) -> str:
        """Where the figures came from."""
        seconds = self.local.model_seconds.value if self.local.model_seconds else 0.0
        tokens = self.local.tokens_in + self.local.tokens_out
        return (
            f"Measured: {self.local.label} solves {self.local.mean:.1%} in {seconds:.3g} s and {tokens:,.0f} tokens "
            f"per sample, {self.cloud.label} {self.cloud.mean:.1%}."
        )


def measure(folder: Path, *, local: str | None = None, cloud: str | None = None) -> Measured:
    """Read the two arms of a run: those of the given labels, else the best local arm and the bare large model.

    Raises:
        SettingsError: The run has no such arms, or several benchmarks and no label to tell them apart.
        LedgerError: The folder holds no ledger.
    """
    analysis = analyze(read_columns(folder))
    if len(analysis.benchmarks) != 1:
        names = ", ".join(result.name for result in analysis.benchmarks) or "none"
        raise SettingsError(f"{folder} must hold one benchmark to be costed; it holds {names}. Run it alone.")
    (result,) = analysis.benchmarks
    return Measured(
        local=_chosen(result, local, ("S", "L"), "--local-arm"), cloud=_chosen(result, cloud, ("C",), "--cloud-arm")
    )


def _chosen(result: BenchmarkResult, label: str | None, kinds: Sequence[str], option: str) -> ArmResult:
    arms = [arm for arm in result.arms if arm.rows]
    fits = [arm for arm in arms if (arm.label == label if label is not None else arm.kind in kinds)]
    if not fits:
        known = ", ".join(repr(arm.label) for arm in arms)
        raise SettingsError(f"The run has no arm for {option}{f' {label!r}' if label else ''}. Its arms: {known}.")
    return max(fits, key=lambda arm: arm.mean)
