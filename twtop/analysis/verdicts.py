"""What this many TIME_WAIT cost here and now: six short answers, each with its level and its live number."""

import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.analysis.bottleneck import Bottleneck
from twtop.analysis.close_wait import count_holders
from twtop.analysis.kernel_costs import accept_queue
from twtop.model import TcpState

SHARE_WARN, SHARE_CRITICAL = 0.5, 0.8
SOON_S = 60
MEMORY_WARN, MEMORY_CRITICAL = 0.01, 0.05
"""Shares of the machine's memory; a million TIME_WAIT is about a quarter of a gigabyte."""

LEAK = 50
"""From this many CLOSE_WAIT that stay, warn, if most sockets with a descriptor are in CLOSE_WAIT."""


class Level(enum.StrEnum):
    """How bad it is. What is unknown is never shown as OK."""

    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` is the live number behind `level`, `text` is one plain sentence.

    The strip shows `title` and `short`, for which it keeps `room` cells, so that the next one stays where it is.
    """

    id: str
    level: Level
    value: float | None
    short: str
    text: str
    title: str = ""
    room: int = 0


FILTER_NOTE = "Only sockets that the filter keeps were read."


@dataclass(frozen=True, slots=True)
class CounterRates:
    """`per_s` is the change of each counter per second since the snapshot before, None for unknown.

    `growth_per_s` is how many more timewait objects there are per second, a mean over some seconds; None for unknown.
    """

    per_s: Mapping[str, float | None]
    growth_per_s: float | None = None


Judge = Callable[[Analysis, CounterRates], Verdict]
"""Finds one verdict; its title and room come from VERDICTS."""


def verdicts(analysis: Analysis, rates: CounterRates) -> tuple[Verdict, ...]:
    """All verdicts, in the order of the strip."""
    return tuple(replace(judge(analysis, rates), title=title, room=room) for title, room, judge in VERDICTS)


def _by_sockets(judge: Callable[[Analysis], Verdict]) -> Judge:
    """A judge that needs only sockets. Its text says so where only a part of the sockets was read."""

    def judge_and_note(analysis: Analysis, _rates: CounterRates) -> Verdict:
        verdict = judge(analysis)
        return replace(verdict, text=f"{verdict.text} {FILTER_NOTE}") if analysis.snapshot.part else verdict

    return judge_and_note


def _unknown(id: str, what: str) -> Verdict:
    return Verdict(id, Level.UNKNOWN, None, "unknown", f"{what} cannot be read here.")


def _level(share: float, warn: float = SHARE_WARN, critical: float = SHARE_CRITICAL) -> Level:
    return Level.CRITICAL if share >= critical else Level.WARN if share >= warn else Level.OK


@_by_sockets
def _ports(analysis: Analysis) -> Verdict:
    snapshot, budgets, worst = analysis.snapshot, analysis.budgets, analysis.bottleneck
    if snapshot.limits.port_range is None:
        return _unknown("ports", "The local port range")
    if worst is None:
        return Verdict("ports", Level.OK, 0.0, "ok", "No outbound connection holds an ephemeral port.")
    if worst.destination is None:
        who = f"{worst.name} binds before it connects, so its {fmt.count(worst.shared_by)} destinations share one "
        who += f"budget: it holds {fmt.count(worst.used)}"
        least, end = "", "; at the end bind() fails with EADDRINUSE"
    else:
        who = f"{worst.name} holds {fmt.count(worst.used)}"
        least, end = "at least " if np.isnan(budgets.reusable[worst.destination]) else "", ""
    left = max(0.0, worst.capacity * (1 - worst.pressure))
    return Verdict(
        "ports",
        ports_level(worst.pressure, worst.past_cliff, worst.full_in_s),
        worst.pressure,
        fmt.percent(worst.pressure),
        f"{who} of {fmt.count(worst.capacity)} local ports; {least}{fmt.count(left)} more connections can be made, "
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


@_by_sockets
def _connect_cost(analysis: Analysis) -> Verdict:
    snapshot, budgets, worst = analysis.snapshot, analysis.budgets, analysis.bottleneck
    if snapshot.limits.port_range is None:
        return _unknown("connect_cost", "The local port range")
    if worst is None:
        return Verdict("connect_cost", Level.OK, 0.0, "ok", "No outbound connection has to search for a port.")
    most, cliff = float(np.nanmax(budgets.probes_per_connect)), bool(budgets.past_cliff.any())
    level = Level.OK if not cliff else _level(float(np.nanmax(budgets.pressure)), warn=0.0)
    reason = "half the range is full, so it searches the other half too" if cliff else "free ports are near"
    return Verdict(
        "connect_cost",
        level,
        most,
        f"{fmt.count(most)} probe{'s' * (most >= 1.5)}",
        f"connect() to the worst destination tries {fmt.count(most)} port{'s' * (round(most) != 1)}: {reason}.",
    )


def _buckets(analysis: Analysis, rates: CounterRates) -> Verdict:
    snapshot, growth_per_s = analysis.snapshot, rates.growth_per_s
    held, limit = snapshot.gauges.get("tw"), snapshot.limits.max_tw_buckets
    if held is None or limit is None:
        return _unknown("buckets", "tcp_max_tw_buckets")
    share = held / limit if limit else 1.0
    skipped = rates.per_s.get("TCPTimeWaitOverflow") or 0.0
    reached_in = (limit - held) / growth_per_s if growth_per_s and growth_per_s > 0 else np.inf
    level = Level.CRITICAL if skipped or (reached_in <= SOON_S and share >= SHARE_WARN) else _level(share)
    if skipped:
        effect = f"{fmt.rate(skipped)} closes per second skip TIME_WAIT"
    elif share >= SHARE_WARN and np.isfinite(reached_in):
        effect = f"at this growth the limit is reached in {fmt.full_in(reached_in)}, then new closes skip TIME_WAIT"
    else:
        effect = "past the limit new closes would skip TIME_WAIT, nothing would fail"
    return Verdict(
        "buckets",
        level,
        share,
        fmt.percent(share),
        f"{fmt.count(held)} of {fmt.count(limit)} TIME_WAIT buckets are in use; {effect}.",
    )


def _memory(analysis: Analysis, _rates: CounterRates) -> Verdict:
    """By slabinfo where it can be read, otherwise by formula."""
    snapshot, memory = analysis.snapshot, analysis.memory
    total = snapshot.gauges.get("memory_bytes")
    value = memory.here if memory.slabs is None else memory.slabs
    what = f"TIME_WAIT hold {fmt.size(memory.here)} of kernel memory here, by formula"
    if memory.here is None:
        what = "How much kernel memory TIME_WAIT hold here is unknown"
    if memory.slabs is not None:
        what += f"; {fmt.size(memory.slabs)} in the whole machine, by slabinfo"
    if not total or value is None:
        of_what = "" if value is None else "; of how much is unknown"
        return Verdict("memory", Level.UNKNOWN, value, fmt.size(memory.here), f"{what}{of_what}.")
    level = _level(value / total, MEMORY_WARN, MEMORY_CRITICAL)
    share = f"{fmt.percent(value / total)} of its {fmt.size(total)}"
    return Verdict("memory", level, value, fmt.size(memory.here), f"{what}: {share}.")


@_by_sockets
def _fds(analysis: Analysis) -> Verdict:
    snapshot = analysis.snapshot
    used, most = snapshot.gauges.get("files"), snapshot.gauges.get("files_max")
    if used is None or not most:
        return _unknown("fds", "The number of open files")
    close_wait = int(np.count_nonzero(snapshot.sockets.state == TcpState.CLOSE_WAIT))
    level = _level(used / most)
    leaks = analysis.staying_close_wait >= LEAK and close_wait * 2 > count_holders(snapshot.sockets)
    if leaks and level is Level.OK:
        level = Level.WARN
    leak = f"; {fmt.count(close_wait)} CLOSE_WAIT do, until their application closes them" if close_wait else ""
    return Verdict(
        "fds",
        level,
        used / most,
        f"{fmt.count(close_wait)} CLOSE_WAIT" if leaks else "0 held",
        f"TIME_WAIT hold no file descriptor{leak}; the system has {fmt.count(used)} of {fmt.count(most)} files open.",
    )


def _drops(analysis: Analysis, rates: CounterRates) -> Verdict:
    snapshot = analysis.snapshot
    total = snapshot.counters.get("ListenDrops")
    if total is None:
        return _unknown("drops", "The kernel's drop counters")
    queue = accept_queue(snapshot.sockets)
    tracked, room = snapshot.gauges.get("conntrack"), snapshot.gauges.get("conntrack_max")
    near = [f"the fullest accept queue is at {fmt.percent(queue)}"] if queue is not None else []
    shares = [queue or 0.0]
    if tracked is not None and room:
        shares.append(tracked / room)
        near.append(f"conntrack at {fmt.percent(tracked / room)}")
    detail = "; " + ", ".join(near) if near else ""
    per_s = 0.0 if total == 0 else rates.per_s.get("ListenDrops")
    if per_s is None:
        since = f"{fmt.count(total)} connections dropped since this network namespace began, the rate is not known yet"
        return Verdict("drops", Level.UNKNOWN, None, "–", f"{since}{detail}.")
    level = Level.CRITICAL if per_s else _level(max(shares), SHARE_CRITICAL, 1.0)
    what = f"Listeners drop {fmt.rate(per_s)} connections per second" if per_s else "No listener drops connections"
    return Verdict("drops", level, per_s, fmt.per_s(per_s), f"{what}{detail}.")


VERDICTS: tuple[tuple[str, int, Judge], ...] = (
    ("PORTS", 5, _ports),
    ("CONNECT", 13, _connect_cost),
    ("BUCKETS", 5, _buckets),
    ("MEMORY", 10, _memory),
    ("FDS", 6, _fds),
    ("DROPS", 6, _drops),
)
"""(title, cells for its figure, its judge), in the order of the strip. A new verdict is one more line here."""
