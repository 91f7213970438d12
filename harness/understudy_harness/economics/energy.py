"""Local energy in a run's costs: calls that no token price covers are paid for by the second."""

from understudy_harness.columns import Columns
from understudy_harness.economics.costs import energy_usd


def add_energy(columns: Columns, *, watts: float, usd_per_kwh: float) -> str:
    """Add the electricity of local calls to the cost of every row, and say so in a sentence.

    Seconds are those spent waiting for a model without a token price. Calls that share a box at the same time are each
    counted in full, so this is an upper bound.
    """
    per_second = energy_usd(watts, 1.0, usd_per_kwh)
    columns.columns["usd"] = columns.columns["usd"] + columns.columns["free_seconds"] * per_second
    return (
        f"Local calls are priced by their electricity: {watts:g} W at ${usd_per_kwh:g} per kWh, an upper bound where "
        "calls share the box. The box itself is not counted."
    )
