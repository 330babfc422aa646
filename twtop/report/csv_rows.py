"""Rows of the peers and sockets tables as CSV, and a single one as name=value."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat

from twtop.columns.column import records
from twtop.columns.field import In
from twtop.columns.peer_rows import ManyPeers, PeerRow
from twtop.columns.peers import PEERS
from twtop.columns.socket_rows import ManySockets, SocketRow
from twtop.columns.sockets import SOCKETS
from twtop.frame.frame import Frame
from twtop.model import Direction, Rows
from twtop.report.schema import rfc3339
from twtop.sanitize import printable

FORMULA = tuple("=+-@＝＋－＠")
"""How a formula begins; spreadsheets of East Asia know the wide ones too. A tab or CR is made visible anyhow."""


def peers_csv(frame: Frame, order: Rows, named: bool = True) -> str:
    """These groups with the budget of their worst destinations, below a line of names if they are to be `named`."""
    names = [field.name for field in PEERS.fields(In.CSV)]
    return _csv(frame.snapshot.time, names, _peer_columns(ManyPeers.of_groups(frame.groups, order)), named)


def sockets_csv(frame: Frame, rows: Rows, named: bool = True) -> str:
    """These sockets, below a line of names if they are to be `named`. `time` is when they were read."""
    fields, many = SOCKETS.fields(In.CSV), ManySockets(frame, rows)
    names = [field.name for field in fields]
    return _csv(frame.snapshot.read_at, names, (field.value(many) for field in fields), named)


def peer_line(row: PeerRow) -> str:
    """A row of the peers table as `name=value` pairs in one line, named as in the CSV.

    A field that does not apply to its direction is absent.
    """
    many = ManyPeers.of_row(row)
    outbound = many.direction[0] == Direction.OUTBOUND
    (record,) = records(PEERS.fields(In.CSV_OUTBOUND if outbound else In.CSV_OTHER), many)
    return _line(row.frame.snapshot.time, record)


def socket_line(row: SocketRow) -> str:
    """A socket as `name=value` pairs in one line, named as in the CSV."""
    (record,) = records(SOCKETS.fields(In.CSV), ManySockets.of_row(row))
    return _line(row.frame.snapshot.read_at, record)


def _peer_columns(many: ManyPeers) -> Iterator[Iterable[object]]:
    """A column for each field of CSV; a cell is None where the field does not apply to the direction of its row."""
    outbound = (many.direction == Direction.OUTBOUND).tolist()
    ours, others = PEERS.fields(In.CSV_OUTBOUND), PEERS.fields(In.CSV_OTHER)
    for field in PEERS.fields(In.CSV):
        applies = {True: field in ours, False: field in others}
        values = field.value(many)
        yield (
            values
            if all(applies.values())
            else [value if applies[direction] else None for value, direction in zip(values, outbound, strict=True)]
        )


def _csv(time: float, names: list[str], columns: Iterable[Iterable[object]], named: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if named:
        writer.writerow(["time", *names])
    cells = [[_cell(value) for value in column] for column in columns]
    writer.writerows(zip(repeat(rfc3339(time)), *cells, strict=False))
    return out.getvalue()


def _cell(value: object) -> object:
    """An outside name must neither break the line nor be taken for a formula by a spreadsheet."""
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def _line(time: float, record: Mapping[str, object]) -> str:
    """Unknown is null. Texts with a space in them are quoted, outside names printable."""
    values = {"time": rfc3339(time), **record}
    return " ".join(f"{name}={_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    shown = printable(value)
    return shown if shown and not set(shown) & set(' ="') else json.dumps(shown, ensure_ascii=False)
