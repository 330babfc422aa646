"""A Frame as batch text, like that of `top -b`."""

import math
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from twtop import formatting as fmt
from twtop.filter.query import Everything, unparse
from twtop.frame.frame import Frame
from twtop.frame.groups import Groups
from twtop.frame.sorting import ordered
from twtop.frame.view import label
from twtop.model import Direction, TcpState
from twtop.report.schema import socket_rows
from twtop.sanitize import padded, printable

TEXT_PEERS = 20
"""Rows of the peers table in batch text, like one screen."""


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
    kernel = f"{'' if snapshot.kernel[:1].isalpha() else 'Linux '}{printable(snapshot.kernel)}"
    destination = f"  netns {printable(snapshot.netns_name)}" if snapshot.netns_name else ""
    yield f"twtop - {moment:%H:%M:%S}  {printable(snapshot.host)}{destination}  {kernel}  {took}"
    share = f" ({fmt.percent(total.count / limit)})" if limit else ""
    flow = f"in {fmt.per_s(total.entered_per_s)}  out {fmt.per_s(total.left_per_s)}"
    memory = fmt.size(frame.analysis.memory.here)
    yield f"TIME_WAIT {fmt.count(total.count)}  {flow}  limit {fmt.count(limit)}{share}  {memory}"
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
    yield (
        f"{frame.view.group_by.upper():<28} {'DIR':<4} {'TIME_WAIT':>9} {'OTHER':>7}  {'PORTS (worst destination)':<38}"
        f" {'NEW/s':>7} {'MAX/s':>7} {'FULL IN':>8}"
    )
    for group in order[:TEXT_PEERS]:
        worst = int(groups.worst[group])
        waiting, budget = int(groups.states[group, TcpState.TIME_WAIT]), groups.budgets
        other = int(groups.states[group].sum()) - waiting
        name = padded(label(groups.key(int(group))), 28)
        yield (
            f"{name} {SHORT_DIRECTIONS[groups.destinations.direction[worst]]:<4} {waiting:>9,}"
            f" {other:>7,}  {ports_text(groups, worst):<38} {fmt.rate(budget.new_per_s[worst]):>7}"
            f" {fmt.rate(budget.max_per_s[worst]):>7} {fmt.full_in(budget.full_in_s[worst]):>8}"
        ).rstrip()
    if len(order) > TEXT_PEERS:
        yield f"… and {len(order) - TEXT_PEERS:,} more"
    if not len(order):
        yield "no connection matches the filter" if frame.all_filtered_out else "no connections"


SHORT_DIRECTIONS = {Direction.OUTBOUND: "out", Direction.INBOUND: "in", Direction.UNKNOWN: "?"}


def ports_text(groups: Groups, destination: int) -> str:
    """The gauge in words: `:443 23,432/28,232 83 %`, or `:8080 64,203/64,512 client ports` behind a listener."""
    budget = groups.budgets
    port, used = f":{groups.destinations.port[destination]}", fmt.count(budget.used[destination])
    if groups.destinations.direction[destination] == Direction.INBOUND:
        return f"{port} {used}/{fmt.count(budget.capacity[destination])} client ports"
    if math.isnan(budget.capacity[destination]):
        return f"{port} {used}, budget unknown"
    return f"{port} {used}/{fmt.count(budget.capacity[destination])} {fmt.percent(budget.pressure[destination])}"


def _socket_lines(frame: Frame) -> Iterator[str]:
    yield f"{'LOCAL':<28} {'REMOTE':<28} {'STATE':<12} {'REMAINING':>9} {'AGE':>8}  PROCESS"
    sockets = frame.snapshot.sockets
    order = np.argsort(np.where(sockets.timer_ms < 0, 1 << 30, sockets.timer_ms)[frame.shown], kind="stable")
    for row in socket_rows(frame, np.flatnonzero(frame.shown)[order]):
        ends = (_endpoint(row["local"], row["lport"]), _endpoint(row["remote"], row["rport"]))
        left, age = _seconds(row["remaining_s"]), _seconds(row["age_s"])
        yield f"{ends[0]:<28} {ends[1]:<28} {row['state']:<12} {left:>9} {age:>8}  {_process(row)}"


def _seconds(value: object) -> str:
    return fmt.seconds(value) if isinstance(value, float) else fmt.UNKNOWN


def _process(row: dict[str, object]) -> str:
    if row["process"] is None:
        return fmt.UNKNOWN
    return f"{printable(str(row['process']))} {'(inferred)' if row['inferred'] else row['pid']}"


def _endpoint(host: object, port: object) -> str:
    return f"[{host}]:{port or '*'}" if ":" in str(host) else f"{host}:{port or '*'}"
