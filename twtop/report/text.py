"""A Frame as batch text, like that of `top -b`."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

import numpy as np

from twtop import formatting as fmt
from twtop.columns.column import Column, Many, Registry, Row
from twtop.columns.peer_rows import ManyPeers
from twtop.columns.peers import PEERS, title_of
from twtop.filter.query import Everything, unparse
from twtop.frame.frame import Frame
from twtop.frame.sorting import ordered
from twtop.model import TcpState
from twtop.sanitize import padded, printable

TEXT_PEERS = 20
"""Rows of the peers table in batch text, like one screen."""


def to_text(frame: Frame, with_sockets: bool) -> str:
    """Header, states, peers and, if asked for, the single sockets: paragraphs with a blank line behind each."""
    lines = [*_header(frame), "", *_state_lines(frame), "", *_peer_lines(frame)]
    if with_sockets:
        lines += ["", *_socket_lines(frame)]
    return "\n".join(lines) + "\n\n"


def _header(frame: Frame) -> Iterator[str]:
    snapshot, total = frame.snapshot, frame.total
    limit = snapshot.limits.max_tw_buckets
    moment = datetime.fromtimestamp(snapshot.time).astimezone()
    old = f", sockets {fmt.seconds(snapshot.age_s)} old" if snapshot.age_s else ""
    took = f"{snapshot.source} {snapshot.collect_s * 1000:.0f} ms{old}"
    kernel = f"{'' if snapshot.kernel[:1].isalpha() else 'Linux '}{printable(snapshot.kernel)}"
    where = f"  netns {printable(snapshot.netns_name)}" if snapshot.netns_name else ""
    yield f"twtop - {moment:%H:%M:%S}  {printable(snapshot.host)}{where}  {kernel}  {took}"
    share = f" ({fmt.percent(total.count / limit)})" if limit else ""
    churn = f"in {fmt.per_s(total.entered_per_s)}  out {fmt.per_s(total.left_per_s)}"
    memory = fmt.size(frame.analysis.memory.here)
    yield f"TIME_WAIT {fmt.count(total.count)}  {churn}  limit {fmt.count(limit)}{share}  {memory}"
    if snapshot.load:
        yield f"load  {printable(snapshot.load, 200)}"
    for verdict in frame.verdicts:
        yield f"{verdict.id.upper().replace('_', ' '):<13}{verdict.level.upper():<9} {verdict.text}"
    if not isinstance(frame.view.query, Everything):
        yield f"filter: {printable(unparse(frame.view.query), 200)}"


def _state_lines(frame: Frame) -> Iterator[str]:
    yield f"{'STATE':<12} {'COUNT':>10} {'CHANGE/s':>10}"
    for state in TcpState:
        change = fmt.signed(float(frame.states.change_per_s[state]))
        yield f"{state.name:<12} {int(frame.states.count[state]):>10,} {change:>10}"


def _peer_lines(frame: Frame) -> Iterator[str]:
    groups = frame.groups
    order = ordered(groups, frame.view.group_sort)
    shown = ManyPeers.of_groups(groups, order[:TEXT_PEERS])
    yield from _table(frame, PEERS, shown, partial(title_of, by=frame.view.group_by))
    if len(order) > TEXT_PEERS:
        yield f"… and {len(order) - TEXT_PEERS:,} more"
    if not len(order):
        yield "no connection matches the filter" if frame.all_filtered_out else "no connections"


def _socket_lines(frame: Frame) -> Iterator[str]:
    """All that the filter keeps, soonest first; those without a timer stand last."""
    from twtop.columns.socket_rows import ManySockets  # few ask for them: a start does not wait for these
    from twtop.columns.sockets import SOCKETS

    timer_ms = frame.snapshot.sockets.timer_ms
    order = np.argsort(np.where(timer_ms < 0, 1 << 30, timer_ms)[frame.shown], kind="stable")
    return _table(frame, SOCKETS, ManySockets(frame, np.flatnonzero(frame.shown)[order]), lambda column: column.title)


def _table(
    frame: Frame, registry: Registry[Row, Many], many: Many, title: Callable[[Column[Row]], str]
) -> Iterator[str]:
    """Heads and rows. Columns are a blank apart, but two where figures would touch words."""
    columns: list[list[str]] = []
    after_figures = False
    for column, text in registry.texts(frame):
        gap = "  " if after_figures and not column.right else " " if columns else ""
        cells = (title(column), *text.lines(many))
        columns.append([gap + padded(cell, text.width, column.right) for cell in cells])
        after_figures = column.right
    return ("".join(row).rstrip() for row in zip(*columns, strict=True))
