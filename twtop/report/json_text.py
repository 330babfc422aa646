"""Frame → one object of JSON on one line: what `schema` says, as text.

What has many rows is written column by column, each value once and however many rows have it. With 5,000 destinations
that takes 20 ms instead of 45 ms.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import TypeVar

import numpy as np

from twtop.columns.field import Field, In, plain
from twtop.columns.peer_rows import ManyPeers
from twtop.columns.peers import PEERS
from twtop.frame.frame import Frame
from twtop.frame.groups import Groups
from twtop.frame.sorting import ordered
from twtop.frame.view import GroupSort
from twtop.model import Direction
from twtop.report.schema import HEAD, VERDICT

Many = TypeVar("Many")

BATCH = 1000
"""Sockets that are written at once: 100,000 at once take a fifth longer, and more memory."""

LINE_END = "\n"
"""No text of JSON has one, so that it parts values."""

write = json.JSONEncoder(check_circular=False, allow_nan=False).encode
_by_lines = json.JSONEncoder(check_circular=False, allow_nan=False, separators=(LINE_END, ": ")).encode


def document(frame: Frame, with_sockets: bool) -> str:
    """One tick. Unknown is null."""
    parts = [
        write(plain(HEAD, frame))[1:-1],
        f'"peers": {_array(_peers(frame.groups))}',
        f'"verdicts": {write([plain(VERDICT, verdict) for verdict in frame.verdicts])}',
    ]
    if with_sockets:
        parts.append(f'"sockets": {_array(_sockets(frame))}')
    return f"{{{', '.join(parts)}}}"


def _sockets(frame: Frame) -> Iterator[str]:
    """The sockets that the filter keeps, in the order of the dump."""
    from twtop.columns.socket_rows import ManySockets  # few ask for them: a start does not wait for these
    from twtop.columns.sockets import SOCKETS

    rows = np.flatnonzero(frame.shown)
    for start in range(0, len(rows), BATCH):
        yield from _objects(SOCKETS.fields(In.SOCKET), ManySockets(frame, rows[start : start + BATCH]))


def _peers(groups: Groups) -> Iterator[str]:
    """All groups with their destinations, both the most pressed first."""
    order, leaves = ordered(groups, GroupSort.PORTS), _destinations(groups)
    found = _objects(PEERS.fields(In.GROUP), ManyPeers.of_groups(groups, order))
    for group, peer in zip(order.tolist(), found, strict=True):
        own = leaves[groups.first[group] : groups.first[group + 1]]
        yield f'{peer[:-1]}, "worst": 0, "destinations": {_array(own)}}}'


def _destinations(groups: Groups) -> list[str]:
    """The port budget of each leaf, in the form of its direction."""
    outbound = groups.destinations.direction[groups.destination] == Direction.OUTBOUND
    forms = ((In.OUTBOUND, outbound), (In.OTHER, ~outbound))
    ours, others = (
        _objects(PEERS.fields(form), ManyPeers.of_leaves(groups, np.flatnonzero(has_it))) for form, has_it in forms
    )
    return [next(ours) if ours_is else next(others) for ours_is in outbound.tolist()]


def _array(values: Iterable[str]) -> str:
    return f"[{', '.join(values)}]"


def _objects(fields: Sequence[Field[Many, Iterable[object]]], many: Many) -> Iterator[str]:
    """An object for each of the rows, with these fields."""
    parts: list[str] = []
    columns: list[Sequence[str]] = []
    for field in fields:
        values = [*field.value(many)]
        if values and values.count(values[0]) == len(values):  # as most are: said once
            parts.append(f"{write(field.name)}: {write(values[0])}".replace("%", "%%"))
        else:
            parts.append(f"{write(field.name)}: %s")
            columns.append(_texts(values))
    form = f"{{{', '.join(parts)}}}"
    return map(form.__mod__, zip(*columns, strict=True) if columns else repeat((), len(values)))


def _texts(values: list[object]) -> list[str]:
    """Each of these values, all of which are of one kind or null.

    >>> _texts([1.5, None, 1.5]), _texts(["a, b", "é"]), _texts([{"a": 1, "b": 2}])
    (['1.5', 'null', '1.5'], ['"a, b"', '"\\\\u00e9"'], ['{"a": 1, "b": 2}'])
    """
    if not values or isinstance(values[0], dict):
        return [*map(write, values)]
    distinct = [*dict.fromkeys(values)]
    text_of = dict(zip(distinct, _by_lines(distinct)[1:-1].split(LINE_END), strict=True))
    return [*map(text_of.__getitem__, values)]
