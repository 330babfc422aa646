"""PORTS: the port budget that is nearest to its end."""

import math

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.analysis.bottleneck import Bottleneck
from twtop.verdicts.verdict import SHARE_CRITICAL, SHARE_WARN, SOON_S, Level, Verdict, by_sockets, unknown


@by_sockets
def ports(analysis: Analysis) -> Verdict:
    snapshot, worst = analysis.snapshot, analysis.bottleneck
    if snapshot.limits.port_range is None:
        return unknown("ports", "The local port range")
    if worst is None:
        return Verdict("ports", Level.OK, 0.0, "ok", "No outbound connection holds an ephemeral port.")
    if worst.destination is None:
        who = f"{worst.name} binds before it connects, so its {fmt.count(worst.shared_by)} destinations share one "
        who += f"budget: it holds {fmt.count(worst.used)}"
        most, end = np.nan, "; at the end bind() fails with EADDRINUSE"
    else:
        who = f"{worst.name} holds {fmt.count(worst.used)}"
        most, end = _most_left(analysis, worst.destination)
    left = max(0.0, worst.capacity * (1 - worst.pressure))
    when = when_full(worst.full_in_s)
    if when and most > left:
        when += " unless it can reuse TIME_WAIT"
    room = fmt.count(left) if np.isnan(most) else f"at least {fmt.count(left)} and at most {fmt.count(most)}"
    return Verdict(
        "ports",
        ports_level(worst.pressure, worst.past_cliff, worst.full_in_s),
        worst.pressure,
        fmt.percent(worst.pressure),
        f"{who} of {fmt.count(worst.capacity)} local ports; {room} more connections can be made, "
        f"{when or _when_not(worst)}{_failing(worst)}{end}.",
    )


def _most_left(analysis: Analysis, destination: int) -> tuple[float, str]:
    """(the most connections that can still be made, why it is not known exactly); (NaN, "") where it is known."""
    budgets, reuse = analysis.budgets, analysis.reading.reuse
    if not np.isnan(budgets.reusable[destination]):
        return np.nan, ""
    used = budgets.used[destination] - budgets.reusable_at_most[destination]
    by_peer = reuse.by_peer[destination] and reuse.unclear[destination]
    why = "; no open connection has shown whether the peer uses timestamps, without which no TIME_WAIT is reused"
    return max(0.0, float(budgets.capacity[destination] - used)), why if by_peer else ""


def ports_level(pressure: float, past_cliff: bool, full_in_s: float) -> Level:
    """The level of a port budget, wherever it is shown. An infinite or unknown time does not raise it."""
    if pressure >= SHARE_CRITICAL or full_in_s <= SOON_S:
        return Level.CRITICAL
    return Level.WARN if pressure >= SHARE_WARN or past_cliff else Level.OK


def when_full(full_in_s: float) -> str:
    """When a budget will be full, in two to four words; empty for never (infinity) and for unknown (NaN).

    >>> when_full(0), when_full(0.3), when_full(41.2), when_full(math.inf)
    ('full now', 'full now', 'full in 41 s', '')
    """
    if not math.isfinite(full_in_s):
        return ""
    return "full now" if (text := fmt.full_in(full_in_s)) == "now" else f"full in {text}"


def _failing(worst: Bottleneck) -> str:
    """How many connect() calls find no port, where any does, and when a full budget gets one back."""
    free = "" if np.isnan(worst.next_free_s) else f", the next port is free in {fmt.span(worst.next_free_s)}"
    if worst.failed_per_s > 0:
        return f": {fmt.rate(worst.failed_per_s)} connects per second fail{free}"
    if free:
        return free
    return f"; {fmt.count(worst.failed_60s)} connects failed in the last 60 s" if worst.failed_60s > 0 else ""


def _when_not(worst: Bottleneck) -> str:
    if worst.failed_60s > 0:
        return "it was at its limit"
    if not np.isnan(worst.full_in_s):
        return "never full at this rate"
    if np.isnan(worst.new_per_s):
        return "when it is full is unknown without timers"
    return "when it is full is not known yet: its client may bind first and have one budget for all destinations"
