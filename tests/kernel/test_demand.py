"""What a full budget is asked for: connections that succeed and those that fail, under a steady load."""

import numpy as np
import pytest

from tests.support.forecast_load import load
from tests.support.in_namespace import in_namespace
from twtop.analysis.reading import LONG_S
from twtop.frame.frame import Frame
from twtop.model import Direction

PORTS, PER_S, SECONDS = 300, 100.0, 17
SETTLED_S = LONG_S + 1
"""From then on the window of rates has nothing of the time before the load."""


@pytest.mark.slow
@in_namespace
def test_a_full_budget_is_asked_for_what_its_client_asks() -> None:
    """All of it fails, and every failure counts."""
    seen: list[Frame] = []
    load(PORTS, PER_S, SECONDS, seen.append, until_refused=False)
    settled = [frame for frame in seen if frame.snapshot.mono - seen[0].snapshot.mono >= SETTLED_S]
    assert len(settled) > 3
    for frame in settled:
        budgets = frame.groups.budgets
        (destination,) = np.flatnonzero(frame.groups.destinations.direction == Direction.OUTBOUND)
        assert budgets.used[destination] == PORTS
        assert budgets.new_per_s[destination] == pytest.approx(PER_S, rel=0.05)
        assert budgets.failed_per_s[destination] == pytest.approx(PER_S, rel=0.1)
    failed = [np.nanmax(frame.groups.budgets.failed_60s) for frame in (settled[0], settled[-1])]
    span_s = settled[-1].snapshot.mono - settled[0].snapshot.mono
    assert failed[1] - failed[0] == pytest.approx(PER_S * span_s, rel=0.05)
