"""What a solved sample costs, in the words that the terminal and the page share."""

from understudy_harness.analysis import ArmResult
from understudy_harness.wording import money, seconds


def per_solved(arm: ArmResult) -> str:
    """Money per solved sample; for a model without a price per token its time, since hardware is not free."""
    if not arm.rows:
        return ""
    if arm.usd_per_sample is None:
        return "unpriced"
    if not arm.mean > 0:
        return "none solved"
    if arm.usd_per_sample > 0:
        return money(arm.usd_per_solved)
    timed = arm.model_seconds is not None and arm.model_seconds.value > 0
    return seconds(arm.model_seconds.value / arm.mean) if timed and arm.model_seconds is not None else ""
