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
        end = "; at the end bind() fails with EADDRINUSE"
    else:
        who, end = f"{worst.name} holds {fmt.count(worst.used)}", ""
    return Verdict(
        "ports",
        ports_level(worst.pressure, worst.past_cliff, worst.full_in_s),
        worst.pressure,
        fmt.percent(worst.pressure),
        f"{who} of {fmt.count(worst.capacity)} local ports; {_left(worst)} more connections can be made, "
        f"{when_full(worst.full_in_s) or _when_not(worst)}{_failing(worst)}{end}.",
    )


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


def _left(worst: Bottleneck) -> str:
    """How many more connections. It is a bound, since the table does not show ports that a client bound by number."""
    least, most = fmt.count(worst.left_at_least), fmt.count(max(0.0, worst.left_at_most))
    if worst.left_at_most <= 0:
        return most
    if worst.left_at_least <= 0 or worst.left_at_least >= worst.left_at_most - 1:
        return f"at most {most}"
    return f"{least} to {most}"


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
