"""Frame → plain values in the schema twtop/1: what JSON and CSV say. Unknown is None, never 0."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop import text
from twtop.frame import Frame
from twtop.groups import Groups, label
from twtop.model import Direction, Rows, TcpState, Timer
from twtop.ordering import GroupSort, ordered
from twtop.query import Everything, unparse

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
        "place": snapshot.place or None,
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
            "memory_bytes": frame.memory.here,
            "entered_per_s": _number(total.entered_per_s),
            "entered": None if total.entered is None else total.entered.tolist(),
            "releases": None if total.releases is None else total.releases.tolist(),
        },
        "counters": dict(snapshot.counters),
        "rates": {f"{name}_per_s": _number(value) for name, value in frame.rates.items()},
        "peers": [peer(frame.groups, int(group)) for group in ordered(frame.groups, GroupSort.PORTS)],
        "verdicts": [
            {"id": v.id, "level": v.level.value, "value": _number(v.value, 4), "text": v.text} for v in frame.verdicts
        ],
    }
    if with_sockets:
        whole["sockets"] = list(socket_rows(frame, np.flatnonzero(frame.shown)))
    return whole


def peer(groups: Groups, group: int) -> dict[str, object]:
    """One group with its destinations, the most pressed first."""
    states = groups.states[group]
    key = groups.key(group)
    leaves = range(int(groups.first[group]), int(groups.first[group + 1]))
    return {
        "peer": label(key),
        "direction": DIRECTIONS[Direction(groups.places.direction[groups.worst[group]])],
        "sockets": int(states.sum()),
        "states": {state.name: int(states[state]) for state in TcpState},
        "entered_per_s": _number(groups.entered_per_s[group]),
        "worst": 0,
        "destinations": [destination(groups, int(groups.destination[leaf])) for leaf in leaves],
    }


def destination(groups: Groups, place: int) -> dict[str, object]:
    """One port budget, in the form of its direction."""
    budget, places = groups.budgets, groups.places
    local = text.address(groups.addresses.integer(places.local[place]))
    remote = text.address(groups.addresses.integer(places.remote[place]))
    port = int(places.port[place])
    counts: dict[str, object] = {
        "used": _integer(budget.used[place]),
        "time_wait": _integer(budget.time_wait[place]),
        "capacity": _integer(budget.capacity[place]),
        "pressure": _number(budget.pressure[place], 4),
    }
    if places.direction[place] != Direction.OUTBOUND:
        return {"local": local, "port": port, "remote": remote, **counts}
    return {
        "local": local,
        "remote": remote,
        "port": port,
        **counts,
        "reusable": _integer(budget.reusable[place]),
        "past_cliff": bool(budget.past_cliff[place]),
        "probes_per_connect": _number(budget.probes_per_connect[place]),
        "new_per_s": _number(budget.new_per_s[place]),
        "max_per_s": _number(budget.max_per_s[place]),
        "full_in_s": _number(budget.full_in_s[place]),
    }


def socket_rows(frame: Frame, rows: Rows) -> Iterator[dict[str, object]]:
    """Single sockets as the JSON has them; uid and inode are null where there is no holder, as for a TIME_WAIT.

    Its process is then the one that was seen to hold it before, or is `inferred`, without a pid.
    """
    sockets, owners = frame.snapshot.sockets, frame.owners
    names = [text.address(sockets.addresses.integer(i)) for i in range(len(sockets.addresses))]
    columns: list[NDArray[Any]] = [sockets.state, sockets.timer]
    columns += [sockets.local, sockets.lport, sockets.remote, sockets.rport]
    columns += [sockets.uid, sockets.inode, owners.process, owners.inferred]
    times = frame.snapshot.times_ms(rows)
    for state, timer, local, lport, remote, rport, uid, inode, process, inferred, left, age in zip(
        *(column.tolist() for column in (*(column[rows] for column in columns), *times)), strict=True
    ):
        unowned = inode == 0  # sock_i_uid and inet_twsk_diag_fill then say uid 0, which is not root
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


def _integer(value: float) -> int | None:
    return None if math.isnan(value) else int(value)
