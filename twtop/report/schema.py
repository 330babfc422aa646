"""Frame → plain values in the schema twtop/1: what JSON and CSV say. Unknown is None, never 0."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop import formatting as fmt
from twtop.filter.query import Everything, unparse
from twtop.frame.frame import Frame
from twtop.frame.groups import Groups, entered_per_s
from twtop.frame.sorting import ordered
from twtop.frame.view import GroupSort, Key, label
from twtop.model import Addresses, Codes, Counts, Direction, Floats, Mask, Rows, TcpState, Timer

SCHEMA = "twtop/1"
DIRECTIONS = {Direction.OUTBOUND: "outbound", Direction.INBOUND: "inbound", Direction.UNKNOWN: "unknown"}
TIMERS = {
    Timer.RETRANSMIT: "retransmit",
    Timer.KEEPALIVE: "keepalive",
    Timer.TIMEWAIT: "timewait",
    Timer.PROBE: "probe",
}


def document(frame: Frame, with_sockets: bool) -> dict[str, object]:
    """One tick as one JSON object."""
    snapshot, limits, total = frame.snapshot, frame.snapshot.limits, frame.total
    whole: dict[str, object] = {
        "schema": SCHEMA,
        "time": rfc3339(snapshot.time),
        "host": snapshot.host,
        "kernel": snapshot.kernel,
        "netns": snapshot.netns or None,
        "place": snapshot.netns_name or None,
        "notice": snapshot.notice or None,
        "source": snapshot.source,
        "collect_ms": round(snapshot.collect_s * 1000, 1),
        "sockets_age_s": round(snapshot.age_s, 3),
        "part": snapshot.part,
        "filter": None if isinstance(frame.view.query, Everything) else unparse(frame.view.query),
        "load": snapshot.load or None,
        "limits": asdict(limits),
        "states": {state.name: int(frame.states.count[state]) for state in TcpState},
        "time_wait": {
            "count": total.count,
            "limit": limits.max_tw_buckets,
            "memory_bytes": frame.analysis.memory.here,
            "entered_per_s": _number(total.entered_per_s),
            "entered": None if total.entered is None else total.entered.tolist(),
            "releases": None if total.releases is None else total.releases.tolist(),
        },
        "counters": dict(snapshot.counters),
        "rates": {f"{name}_per_s": _number(value) for name, value in frame.rates.items()},
        "peers": list(_peers(frame.groups)),
        "verdicts": [
            {"id": v.id, "level": v.level.value, "value": _number(v.value, 4), "text": v.text} for v in frame.verdicts
        ],
    }
    if with_sockets:
        whole["sockets"] = list(socket_rows(frame, np.flatnonzero(frame.shown)))
    return whole


def _peers(groups: Groups) -> Iterator[dict[str, object]]:
    """All groups with their destinations, both the most pressed first."""
    order, leaves = ordered(groups, GroupSort.PORTS), list(destinations(groups, groups.destination))
    for group, each in zip(order.tolist(), peers(groups, order), strict=True):
        yield {**each, "worst": 0, "destinations": leaves[groups.first[group] : groups.first[group + 1]]}


def peers(groups: Groups, order: Rows) -> Iterator[dict[str, object]]:
    """These groups, as the JSON has them but for their destinations."""
    keys = (groups.key(group) for group in order.tolist())
    return _tallied(
        keys, groups.destinations.direction[groups.worst[order]], groups.states[order], groups.entered[order]
    )


def leaves(groups: Groups, rows: Rows) -> Iterator[dict[str, object]]:
    """What these leaves hold, in the form of groups."""
    keys = (groups.leaf_key(leaf) for leaf in rows.tolist())
    direction = groups.destinations.direction[groups.destination[rows]]
    return _tallied(keys, direction, groups.leaf_states[rows], groups.leaf_entered[rows])


def _tallied(
    keys: Iterator[Key], directions: NDArray[np.uint8], states: Counts, entered: Counts
) -> Iterator[dict[str, object]]:
    rates = entered_per_s(states, entered).tolist()
    for key, direction, counts, rate in zip(keys, directions.tolist(), states.tolist(), rates, strict=True):
        yield {
            "peer": label(key),
            "direction": DIRECTIONS[direction],
            "sockets": sum(counts),
            "states": {state.name: counts[state] for state in TcpState},
            "entered_per_s": _number(rate),
        }


def destinations(groups: Groups, rows: Rows) -> Iterator[dict[str, object]]:
    """Port budgets of these destinations, each in the form of its direction."""
    destinations, budget = groups.destinations, groups.budgets
    names = _names(groups.addresses, destinations.local[rows], destinations.remote[rows])
    ends = (
        column[rows].tolist()
        for column in (destinations.direction, destinations.local, destinations.remote, destinations.port)
    )
    counts = (_integers(column[rows]) for column in (budget.used, budget.time_wait, budget.capacity))
    rates = (budget.probes_per_connect, budget.new_per_s, budget.max_per_s, budget.full_in_s)
    for direction, local, remote, port, used, time_wait, capacity, pressure, reusable, past_cliff, *outbound in zip(
        *ends,
        *counts,
        _numbers(budget.pressure[rows], 4),
        _integers(budget.reusable[rows]),
        budget.past_cliff[rows].tolist(),
        *(_numbers(column[rows]) for column in rates),
        strict=True,
    ):
        count = {"used": used, "time_wait": time_wait, "capacity": capacity, "pressure": pressure}
        if direction == Direction.OUTBOUND:
            probes, new, most, full_in = outbound
            yield {
                "local": names[local],
                "remote": names[remote],
                "port": port,
                **count,
                "reusable": reusable,
                "past_cliff": past_cliff,
                "probes_per_connect": probes,
                "new_per_s": new,
                "max_per_s": most,
                "full_in_s": full_in,
            }
        else:
            yield {"local": names[local], "port": port, "remote": names[remote], **count}


def socket_rows(frame: Frame, rows: Rows) -> Iterator[dict[str, object]]:
    """Single sockets as the JSON has them; uid and inode are null where there is no holder, as for a TIME_WAIT.

    Its process is then the one that was seen to hold it before, or is `inferred`, without a pid.
    """
    sockets, owners = frame.snapshot.sockets, frame.owners
    names = _names(sockets.addresses, sockets.local[rows], sockets.remote[rows])
    columns: list[NDArray[Any]] = [sockets.state, sockets.timer]
    columns += [sockets.local, sockets.lport, sockets.remote, sockets.rport]
    columns += [sockets.uid, sockets.inode, owners.process, owners.inferred]
    times = frame.snapshot.times_ms(rows)
    for state, timer, local, lport, remote, rport, uid, inode, process, inferred, left, age in zip(
        *(column.tolist() for column in (*(column[rows] for column in columns), *times)), strict=True
    ):
        # Without an inode sock_i_uid and inet_twsk_diag_fill say uid 0, which is not root.
        unowned = inode == 0
        yield {
            "local": names[local],
            "lport": lport,
            "remote": names[remote],
            "rport": rport,
            "state": TcpState(state).name,
            "timer": TIMERS.get(timer),
            "remaining_s": left / 1000 if left >= 0 else None,
            "age_s": age / 1000 if age >= 0 else None,
            "uid": None if unowned else uid,
            "inode": None if unowned else inode,
            "process": None if process < 0 else owners.processes[process].name,
            "pid": None if process < 0 or inferred else owners.processes[process].pid,
            "inferred": inferred,
        }


def rfc3339(time: float) -> str:
    """A moment in UTC.

    >>> rfc3339(1.25)
    '1970-01-01T00:00:01.250Z'
    """
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(value: float | None, digits: int = 2) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def _numbers(values: Floats, digits: int = 2) -> list[float | None]:
    """Rounded; None where a value is unknown or never."""
    return _known(np.round(values, digits), np.isfinite(values))


def _integers(values: Floats) -> list[int | None]:
    known = np.isfinite(values)
    return _known(np.where(known, values, 0).astype(np.int64), known)


def _known(values: NDArray[Any], known: Mask) -> list[Any]:
    """Plain numbers, and None for those that are not known."""
    found: list[Any] = values.tolist()
    for row in np.flatnonzero(~known).tolist():
        found[row] = None
    return found


def _names(addresses: Addresses, *wanted: Codes) -> dict[int, str]:
    """The addresses with these codes as text."""
    used = np.zeros(len(addresses.hi), np.bool_)
    for codes in wanted:
        used[codes] = True
    numbers = zip(addresses.hi[used].tolist(), addresses.lo[used].tolist(), strict=True)
    texts = (fmt.address(hi << 64 | lo) for hi, lo in numbers)
    return dict(zip(np.flatnonzero(used).tolist(), texts, strict=True))
