"""The intervals hold the truth as often as they promise: few clusters, effects that differ, small gaps."""

import pytest
from tests.harness.stats.interval_coverage import BAND, DESIGNS, Design, coverage


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_coverage_lies_within_the_band(design: Design) -> None:
    found = coverage(design, 4000)

    assert BAND[0] <= found["ratio"] <= BAND[1]
    assert BAND[0] <= found["lift"] <= BAND[1]


def test_one_design_is_near_its_promise_after_few_replicates() -> None:
    assert coverage(DESIGNS[4], 300)["ratio"] > 0.9
