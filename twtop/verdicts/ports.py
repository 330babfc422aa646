"""PORTS: the port budget that is nearest to its end."""

import math

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.budgets.bottleneck import Bottleneck
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
        end = f"; {'' if worst.waits else 'at the end '}bind() fails with EADDRINUSE"
    else:
        who, end = f"{worst.name} holds {fmt.count(worst.used)}", _unclear_reuse(analysis, worst.destination)
    return Verdict(
        "ports",
        ports_level(worst.pressure, worst.past_cliff, worst.full_in_s),
        worst.pressure,
        fmt.percent(worst.pressure),
        f"{who} of {fmt.count(worst.capacity)} local ports; {_left(worst)} more connections can be made, "
        f"{_when(worst)}{end}.",
    )


def _unclear_reuse(analysis: Analysis, destination: int) -> str:
    """Why nobody knows what can be reused, if that is the peer's timestamps."""
    budgets, reuse = analysis.budgets, analysis.reading.reuse
    if not (np.isnan(budgets.reusable[destination]) and reuse.by_peer[destination] and reuse.unclear[destination]):
        return ""
    return "; whether TIME_WAIT can be reused is unknown: no open connection has shown that the peer uses timestamps"


def ports_level(pressure: float, past_cliff: bool, full_in_s: float) -> Level:
    """The level of a port budget, wherever it is shown. An infinite or unknown time does not raise it."""
    if pressure >= SHARE_CRITICAL or full_in_s <= SOON_S:
        return Level.CRITICAL
    return Level.WARN if pressure >= SHARE_WARN or past_cliff else Level.OK


def fullness(full_in_s: float, waits: bool, was_full_lately: bool) -> str:
    """When a budget is full, in two to four words; empty for unknown (NaN). The rest is as in PortBudgets and Limit.

    Ports of a full budget come free at each move of the timer wheel and are taken at once. One word stands for all of
    that time, so that it does not change at each move.

    >>> [fullness(full_in_s, False, False) for full_in_s in (0.3, 41.2, math.inf)]
    ['full now', 'full in 41 s', 'never full']
    >>> fullness(0, True, True)
    'full now'
    >>> [fullness(full_in_s, False, True) for full_in_s in (0, 41.2, math.inf)]
    ['at its limit', 'at its limit', 'at its limit']
    """
    if waits:
        return "full now"
    if was_full_lately:
        return "at its limit"
    if math.isnan(full_in_s):
        return ""
    text = fmt.full_in(full_in_s)
    return {"now": "full now", "never": "never full"}.get(text, f"full in {text}")


def _when(worst: Bottleneck) -> str:
    """When the budget is full, what fails, and when a full one gets ports back."""
    words = fullness(worst.full_in_s, worst.waits, worst.was_full_lately)
    if words == "never full":
        return "never full at this rate"
    if not words and np.isnan(worst.new_per_s):
        return "when it is full is unknown without timers"
    if not words and worst.may_bind_first:
        return "when it is full is not known yet: its client may bind first and have one budget for all destinations"
    if not words:
        return "when it is full is not known yet: its load is too new or too uneven to tell"
    return f"{words}{_failing(worst)}{_next_port(worst) if worst.waits else ''}"


def _left(worst: Bottleneck) -> str:
    """How many more connections. It is a bound, since the table does not show ports that a client bound by number."""
    least, most = fmt.count(worst.left_at_least), fmt.count(max(0.0, worst.left_at_most))
    if worst.left_at_most <= 0:
        return most
    if worst.left_at_least <= 0 or worst.left_at_least >= worst.left_at_most - 1:
        return f"at most {most}"
    return f"{least} to {most}"


def _failing(worst: Bottleneck) -> str:
    """How many connects fail now, or have failed while the budget was at its limit; the kernel may not tell to which of
    several destinations."""
    least, to = "at least " * worst.failed_at_least, f" {worst.failed_to}" * bool(worst.failed_to)
    per_s, last_60s = worst.failing
    if worst.waits and per_s > 0:
        return f": {least}{fmt.rate(per_s)} connects per second{to} fail"
    if worst.was_full_lately and last_60s > 0:
        return f": {least}{fmt.count(last_60s)} connects{to} failed in the last 60 s"
    return ""


def _next_port(worst: Bottleneck) -> str:
    if np.isnan(worst.next_free_s):
        return ""
    then = "" if np.isnan(worst.freed_per_s) else f", then {fmt.per_s(worst.freed_per_s)}"
    return f", the next port is free in {fmt.span(worst.next_free_s)}{then}"
