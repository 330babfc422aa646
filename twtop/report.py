"""A Frame as batch text, JSON or CSV: pure functions from Frame to lines."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import numpy as np

from twtop import text
from twtop.document import destinations, document, leaves, peers, rfc3339, socket_rows
from twtop.frame import Frame
from twtop.groups import Groups, label
from twtop.model import Direction, Rows, TcpState
from twtop.ordering import ordered
from twtop.query import Everything, unparse

TEXT_PEERS = 20
"""Rows of the peers table in batch text, like one screen."""

Report = Callable[[Frame, bool], str]
"""(frame, with single sockets) → text with its closing newline."""


def to_json(frame: Frame, with_sockets: bool) -> str:
    """One JSON object on one line, schema twtop/1. Unknown is null."""
    return json.dumps(document(frame, with_sockets), ensure_ascii=True, allow_nan=False, check_circular=False) + "\n"


def to_csv(frame: Frame, with_sockets: bool) -> str:
    """The peers table, or the single sockets, with a line of names before the first tick."""
    if with_sockets:
        return sockets_csv(frame, np.flatnonzero(frame.shown), named=frame.tick == 1)
    return peers_csv(frame, ordered(frame.groups, frame.view.group_sort), named=frame.tick == 1)


PEER_NAMES = (
    *("peer", "direction", "sockets", "time_wait", "entered_per_s", "local", "remote", "port", "used", "capacity"),
    *("reusable", "pressure", "new_per_s", "max_per_s", "full_in_s"),
)
SOCKET_NAMES = (
    *("local", "lport", "remote", "rport", "state", "timer", "remaining_s", "age_s"),
    *("uid", "inode", "process", "pid", "inferred"),
)


def peers_csv(frame: Frame, order: Rows, named: bool = True) -> str:
    """These groups with the budget of their worst destinations, below a line of names."""
    return _csv(frame, PEER_NAMES, _groups(frame.groups, order), named)


def sockets_csv(frame: Frame, rows: Rows, named: bool = True) -> str:
    """These sockets, below a line of names."""
    return _csv(frame, SOCKET_NAMES, socket_rows(frame, rows), named)


def _csv(frame: Frame, names: tuple[str, ...], rows: Iterable[Mapping[str, object]], named: bool) -> str:
    stamp = rfc3339(frame.snapshot.time)
    out = io.StringIO()
    writer = csv.DictWriter(out, ["time", *names], extrasaction="ignore", lineterminator="\n")
    if named:
        writer.writeheader()
    for row in rows:
        writer.writerow({"time": stamp} | {name: _cell(row.get(name)) for name in names})
    return out.getvalue()


def _groups(groups: Groups, order: Rows) -> Iterator[dict[str, object]]:
    waiting = groups.states[order, TcpState.TIME_WAIT].tolist()
    rows = zip(destinations(groups, groups.worst[order]), peers(groups, order), waiting, strict=True)
    return (worst | peer | {"time_wait": count} for worst, peer, count in rows)


def group_line(frame: Frame, group: int) -> str:
    """A group as `name=value` pairs in one line, named as in the CSV."""
    return _line(frame, PEER_NAMES, next(_groups(frame.groups, np.array([group]))))


def leaf_line(frame: Frame, leaf: int) -> str:
    """One destination of a group, in the same form."""
    groups, rows = frame.groups, np.array([leaf])
    counts = {"time_wait": int(groups.leaf_states[leaf, TcpState.TIME_WAIT])}
    return _line(
        frame, PEER_NAMES, next(destinations(groups, groups.destination[rows])) | next(leaves(groups, rows)) | counts
    )


def socket_line(frame: Frame, row: int) -> str:
    """A socket as `name=value` pairs in one line, named as in the CSV."""
    return _line(frame, SOCKET_NAMES, next(socket_rows(frame, np.array([row]))))


def _line(frame: Frame, names: tuple[str, ...], row: Mapping[str, object]) -> str:
    """What a row of its kind has; unknown is null. Texts with a space in them are quoted, outside names printable."""
    values = {"time": rfc3339(frame.snapshot.time)} | {name: row[name] for name in names if name in row}
    return " ".join(f"{name}={_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    shown = text.printable(value)
    return shown if shown and not set(shown) & set(' ="') else json.dumps(shown, ensure_ascii=False)


FORMULA = tuple("=+-@＝＋－＠")
"""How a formula begins; spreadsheets of East Asia know the wide ones too. A tab or CR is made visible anyhow."""


def _cell(value: object) -> object:
    """An outside name must neither break the line nor be taken for a formula by a spreadsheet."""
    if not isinstance(value, str):
        return value
    shown = text.printable(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def to_text(frame: Frame, with_sockets: bool) -> str:
    """Header lines, states, peers, and on request the single sockets; like `top -b`."""
    lines = [*_header(frame), "", *_state_lines(frame), "", *_peer_lines(frame)]
    if with_sockets:
        lines += ["", *_socket_lines(frame)]
    return "\n".join(lines) + "\n\n"


def _header(frame: Frame) -> Iterator[str]:
    snapshot, total = frame.snapshot, frame.total
    limit = snapshot.limits.max_tw_buckets
    moment = datetime.fromtimestamp(snapshot.time).astimezone()
    took = f"{snapshot.source} {snapshot.collect_s * 1000:.0f} ms"
    kernel = f"{'' if snapshot.kernel[:1].isalpha() else 'Linux '}{text.printable(snapshot.kernel)}"
    place = f"  netns {text.printable(snapshot.place)}" if snapshot.place else ""
    yield f"twtop - {moment:%H:%M:%S}  {text.printable(snapshot.host)}{place}  {kernel}  {took}"
    share = f" ({text.percent(total.count / limit)})" if limit else ""
    flow = f"in {text.per_s(total.entered_per_s)}  out {text.per_s(total.left_per_s)}"
    memory = text.size(frame.memory.here)
    yield f"TIME_WAIT {text.count(total.count)}  {flow}  limit {text.count(limit)}{share}  {memory}"
    if snapshot.load:
        yield f"load  {text.printable(snapshot.load, 200)}"
    for verdict in frame.verdicts:
        yield f"{verdict.id.upper().replace('_', ' '):<13}{verdict.level.upper():<9} {verdict.text}"
    if not isinstance(frame.view.query, Everything):
        yield f"filter: {text.printable(unparse(frame.view.query), 200)}"


def _state_lines(frame: Frame) -> Iterator[str]:
    yield f"{'STATE':<12} {'COUNT':>10} {'CHANGE/s':>10}"
    for state in TcpState:
        change = text.signed(float(frame.states.change_per_s[state]))
        yield f"{state.name:<12} {int(frame.states.count[state]):>10,} {change:>10}"


def _peer_lines(frame: Frame) -> Iterator[str]:
    groups = frame.groups
    order = ordered(groups, frame.view.group_sort)
    yield (
        f"{frame.view.group_by.upper():<28} {'DIR':<4} {'TIME_WAIT':>9} {'OTHER':>7}  {'PORTS (worst destination)':<38}"
        f" {'NEW/s':>7} {'MAX/s':>7} {'FULL IN':>8}"
    )
    for group in order[:TEXT_PEERS]:
        worst = int(groups.worst[group])
        waiting, budget = int(groups.states[group, TcpState.TIME_WAIT]), groups.budgets
        other = int(groups.states[group].sum()) - waiting
        name = text.padded(label(groups.key(int(group))), 28)
        yield (
            f"{name} {SHORT_DIRECTIONS[groups.places.direction[worst]]:<4} {waiting:>9,}"
            f" {other:>7,}  {ports_text(groups, worst):<38} {text.rate(budget.new_per_s[worst]):>7}"
            f" {text.rate(budget.max_per_s[worst]):>7} {text.full_in(budget.full_in_s[worst]):>8}"
        ).rstrip()
    if len(order) > TEXT_PEERS:
        yield f"… and {len(order) - TEXT_PEERS:,} more"
    if not len(order):
        yield "no connection matches the filter" if frame.all_filtered_out else "no connections"


SHORT_DIRECTIONS = {Direction.OUTBOUND: "out", Direction.INBOUND: "in", Direction.UNKNOWN: "?"}


def ports_text(groups: Groups, place: int) -> str:
    """The gauge in words: `:443 23,432/28,232 83 %`, or `:8080 64,203/64,512 client ports` behind a listener."""
    budget = groups.budgets
    port, used = f":{groups.places.port[place]}", text.count(budget.used[place])
    if groups.places.direction[place] == Direction.INBOUND:
        return f"{port} {used}/{text.count(budget.capacity[place])} client ports"
    if math.isnan(budget.capacity[place]):
        return f"{port} {used}, budget unknown"
    return f"{port} {used}/{text.count(budget.capacity[place])} {text.percent(budget.pressure[place])}"


def _socket_lines(frame: Frame) -> Iterator[str]:
    yield f"{'LOCAL':<28} {'REMOTE':<28} {'STATE':<12} {'REMAINING':>9} {'AGE':>8}  PROCESS"
    sockets = frame.snapshot.sockets
    order = np.argsort(np.where(sockets.timer_ms < 0, 1 << 30, sockets.timer_ms)[frame.shown], kind="stable")
    for row in socket_rows(frame, np.flatnonzero(frame.shown)[order]):
        ends = (_endpoint(row["local"], row["lport"]), _endpoint(row["remote"], row["rport"]))
        left, age = _seconds(row["remaining_s"]), _seconds(row["age_s"])
        yield f"{ends[0]:<28} {ends[1]:<28} {row['state']:<12} {left:>9} {age:>8}  {_process(row)}"


def _seconds(value: object) -> str:
    return text.seconds(value) if isinstance(value, float) else text.UNKNOWN


def _process(row: dict[str, object]) -> str:
    if row["process"] is None:
        return text.UNKNOWN
    return f"{text.printable(str(row['process']))} {'(inferred)' if row['inferred'] else row['pid']}"


def _endpoint(host: object, port: object) -> str:
    return f"[{host}]:{port or '*'}" if ":" in str(host) else f"{host}:{port or '*'}"


REPORTS: dict[str, Report] = {"text": to_text, "json": to_json, "csv": to_csv}
