"""CONNECT: how long connect() searches for a port."""

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.verdicts.verdict import Level, Verdict, by_sockets, level_of, unknown


@by_sockets
def connect_cost(analysis: Analysis) -> Verdict:
    snapshot, budgets, worst = analysis.snapshot, analysis.budgets, analysis.bottleneck
    if snapshot.limits.port_range is None:
        return unknown("connect_cost", "The local port range")
    if worst is None:
        return Verdict("connect_cost", Level.OK, 0.0, "ok", "No outbound connection has to search for a port.")
    most, cliff = float(np.nanmax(budgets.probes_per_connect)), bool(budgets.past_cliff.any())
    level = Level.OK if not cliff else level_of(float(np.nanmax(budgets.pressure)), warn=0.0)
    reason = "half the range is full, so it searches the other half too" if cliff else "free ports are near"
    return Verdict(
        "connect_cost",
        level,
        most,
        f"{fmt.count(most)} probe{'s' * (most >= 1.5)}",
        f"connect() to the worst destination tries {fmt.count(most)} port{'s' * (round(most) != 1)}: {reason}.",
    )
