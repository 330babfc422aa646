"""What this many TIME_WAIT cost here, now: six short answers, each with its level and its live number."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twtop import text
from twtop.destinations import Destinations
from twtop.factorize import factorize, pair
from twtop.model import Direction, Snapshot, Sockets, TcpState
from twtop.ports import Budgets

TIMEWAIT_BYTES = 256
"""Slab object size of tw_sock_TCP and tw_sock_TCPv6."""

BIND_BUCKET_BYTES = 128
"""Slab object size of tcp_bind_bucket and tcp_bind2_bucket."""

SHARE_WARN, SHARE_CRITICAL = 0.5, 0.8


class Level(enum.StrEnum):
    """How bad; unknown is never taken for ok."""

    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` is the live number behind `level`, `short` fits on the strip, `text` is one plain sentence."""

    id: str
    level: Level
    value: float | None
    short: str
    text: str


def memory_bytes(sockets: Sockets) -> int:
    """Kernel memory of all timewait objects by formula: the objects and the bind buckets that only they keep alive."""
    rows = sockets.is_time_wait
    ports = sockets.lport[rows]
    ends, _ = factorize(pair(sockets.local[rows], ports, 16))
    pairs = int(ends.max()) + 1 if len(ends) else 0
    distinct = int(np.count_nonzero(np.bincount(ports, minlength=1))) if len(ports) else 0
    return TIMEWAIT_BYTES * int(np.count_nonzero(rows)) + BIND_BUCKET_BYTES * (distinct + pairs)


def verdicts(
    snapshot: Snapshot, places: Destinations, budget: Budgets, memory: int, rates: Mapping[str, float | None]
) -> tuple[Verdict, ...]:
    """The six of them, in the order in which they stand on the strip."""
    worst = _worst(places, budget)
    return (
        _ports(snapshot, places, budget, worst),
        _connect_cost(budget, worst),
        _buckets(snapshot),
        _memory(snapshot, memory),
        _fds(snapshot),
        _drops(snapshot, rates),
    )


def _level(share: float) -> Level:
    return Level.CRITICAL if share >= SHARE_CRITICAL else Level.WARN if share >= SHARE_WARN else Level.OK


def _worst(places: Destinations, budget: Budgets) -> int | None:
    pressure = np.where(places.direction == Direction.OUTBOUND, budget.pressure, np.nan)
    return None if not len(pressure) or np.isnan(pressure).all() else int(np.nanargmax(pressure))


def _ports(snapshot: Snapshot, places: Destinations, budget: Budgets, worst: int | None) -> Verdict:
    if snapshot.limits.port_range is None:
        return Verdict("ports", Level.UNKNOWN, None, "unknown", "The local port range cannot be read.")
    if worst is None:
        return Verdict("ports", Level.OK, 0.0, "ok", "No outbound connection: no ephemeral port is in use.")
    pressure, full_in = float(budget.pressure[worst]), float(budget.full_in_s[worst])
    level = Level.CRITICAL if full_in <= 60 else _level(pressure)
    if budget.past_cliff[worst] and level is Level.OK:
        level = Level.WARN
    peer = text.endpoint(snapshot.sockets.addresses.integer(places.remote[worst]), int(places.port[worst]))
    left = budget.capacity[worst] - budget.used[worst] + np.nan_to_num(budget.reusable[worst])
    when = "full now" if full_in == 0 else f"full in {text.full_in(full_in)}" if np.isfinite(full_in) else ""
    return Verdict(
        "ports",
        level,
        pressure,
        f"{text.percent(pressure)} {peer}" + (f", {when}" if when else ""),
        f"{peer} holds {text.count(budget.used[worst])} of {text.count(budget.capacity[worst])} local ports; "
        f"{text.count(left)} more connections can be made" + (f", {when}." if when else "; never full at this rate."),
    )


def _connect_cost(budget: Budgets, worst: int | None) -> Verdict:
    probes = budget.probes_per_connect
    if worst is None or np.isnan(probes).all():
        return Verdict("connect_cost", Level.OK, None, "ok", "No outbound connection, so no search for ports.")
    most = float(np.nanmax(probes))
    cliff = bool(budget.past_cliff.any())
    reason = "half the range is full, so each one searches the other half too" if cliff else "free ports are near"
    return Verdict(
        "connect_cost",
        Level.WARN if cliff else Level.OK,
        most,
        f"{text.count(most)} probes",
        f"connect() to the worst destination tries {text.count(most)} ports: {reason}.",
    )


def _buckets(snapshot: Snapshot) -> Verdict:
    held, limit = snapshot.gauges.get("tw"), snapshot.limits.max_tw_buckets
    if held is None or not limit:
        return Verdict("buckets", Level.UNKNOWN, None, "unknown", "tcp_max_tw_buckets cannot be read.")
    share = held / limit
    effect = "new closes skip TIME_WAIT" if share >= 1 else "past it, new closes would skip TIME_WAIT"
    return Verdict(
        "buckets",
        _level(share),
        share,
        text.percent(share),
        f"{text.count(held)} of {text.count(limit)} TIME_WAIT buckets are in use; {effect}.",
    )


def _memory(snapshot: Snapshot, formula: int) -> Verdict:
    measured = snapshot.gauges.get("tw_slab_bytes")
    value, origin = (formula, "by formula") if measured is None else (measured, "from slabinfo")
    return Verdict(
        "memory",
        Level.OK,
        float(value),
        text.size(value),
        f"TIME_WAIT hold {text.size(value)} of kernel memory, {origin}.",
    )


def _fds(snapshot: Snapshot) -> Verdict:
    used, most = snapshot.gauges.get("files"), snapshot.gauges.get("files_max")
    forgotten = int(np.count_nonzero(snapshot.sockets.state == TcpState.CLOSE_WAIT))
    if used is None or not most:
        return Verdict("fds", Level.UNKNOWN, None, "unknown", "The system's open files cannot be read.")
    leak = f"; {text.count(forgotten)} CLOSE_WAIT do, until their application closes them" if forgotten else ""
    return Verdict(
        "fds",
        _level(used / most),
        0.0,
        "0 held",
        f"TIME_WAIT hold no file descriptor{leak}; the system has {text.count(used)} of {text.count(most)} open.",
    )


def _drops(snapshot: Snapshot, rates: Mapping[str, float | None]) -> Verdict:
    if "ListenDrops" not in snapshot.counters:
        return Verdict("drops", Level.UNKNOWN, None, "unknown", "The kernel's drop counters cannot be read.")
    per_s = rates.get("ListenDrops")
    if per_s is None:
        total = snapshot.counters["ListenDrops"]
        return Verdict("drops", Level.UNKNOWN, None, "…", f"{text.count(total)} connections dropped since boot.")
    return Verdict(
        "drops",
        Level.CRITICAL if per_s else Level.OK,
        per_s,
        f"{text.rate(per_s)}/s",
        f"Listeners drop {text.rate(per_s)} connections per second because a queue is full."
        if per_s
        else "No listener drops connections.",
    )
