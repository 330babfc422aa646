"""When failed connects are worth counting: while a connect() may find no free port, and for a minute after."""

import math

import numpy as np

from twtop.analysis.analysis import Analysis
from twtop.model import Direction

LEAST_PRESSURE = 0.5
SOON_S = 60.0
"""A budget is near its end from this pressure on, or from this many seconds before it is full."""

LINGER_S = 60.0
"""Seconds that counting goes on after the last sign of danger, so that a budget at the border switches nothing."""


class FailureWatch:
    """Decides tick by tick.

    While anybody counts, in whatever network namespace, the kernel makes a message of each TCP socket of the machine
    that is freed: 3 to 4 µs of a kworker each (netlink_has_listeners looks at all namespaces at once).
    """

    def __init__(self) -> None:
        self._until = -math.inf
        self.wanted = False

    def observe(self, mono: float, pressure: float, full_in_s: float, failed: int = 0, whole: bool = True) -> None:
        """Take note of the highest pressure and the soonest end of any budget at `mono`, and decide `wanted`.

        NaN is unknown and no danger. `failed` is how many failures were counted since the last call. Where not `whole`,
        the sockets of a filter alone were read: that shows danger, but no end of it.

        >>> watch = FailureWatch()
        >>> watch.observe(0, 0.5, math.inf), watch.wanted
        (None, True)
        >>> watch.observe(60, 0.4, math.inf), watch.wanted
        (None, False)
        """
        danger = pressure >= LEAST_PRESSURE or full_in_s <= SOON_S or failed > 0
        if danger or (self.wanted and not whole):
            self._until = mono + LINGER_S
        self.wanted = mono < self._until


def nearest_end(analysis: Analysis) -> tuple[float, float]:
    """(highest pressure, soonest seconds until full) of all budgets from which connect() takes ports; NaN for none.

    Without any port to choose, because all are reserved or taken by listeners, the pressure is infinite.
    """
    ports, budgets = analysis.reading.ports, analysis.budgets
    if ports is not None and ports.capacity == 0:
        return math.inf, 0.0
    outbound = analysis.destinations.direction == Direction.OUTBOUND
    pressure, full_in_s = budgets.pressure[outbound], budgets.full_in_s[outbound]
    return float(np.fmax.reduce(pressure, initial=np.nan)), float(np.fmin.reduce(full_in_s, initial=np.nan))
