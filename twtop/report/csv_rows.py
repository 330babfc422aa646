"""A Frame as batch text, JSON or CSV: pure functions from Frame to lines."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from twtop.frame.frame import Frame
from twtop.frame.groups import Groups
from twtop.model import Rows, TcpState
from twtop.report.schema import destinations, leaves, peers, rfc3339, socket_rows
from twtop.sanitize import printable

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
    shown = printable(value)
    return shown if shown and not set(shown) & set(' ="') else json.dumps(shown, ensure_ascii=False)


FORMULA = tuple("=+-@＝＋－＠")
"""How a formula begins; spreadsheets of East Asia know the wide ones too. A tab or CR is made visible anyhow."""


def _cell(value: object) -> object:
    """An outside name must neither break the line nor be taken for a formula by a spreadsheet."""
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown
