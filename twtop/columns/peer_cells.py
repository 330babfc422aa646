"""What each cell of a row of the peers table draws on the screen."""

from collections.abc import Callable

import numpy as np

from twtop import formatting as fmt
from twtop.budgets.port_budgets import PortBudgets
from twtop.columns.failed import last_60s_among
from twtop.columns.failed import per_s as failed_per_s
from twtop.columns.gauge import gauge
from twtop.columns.peer_rows import PeerRow
from twtop.columns.tones import SIGNS, Line, Span, Tone, width_of
from twtop.frame.entered import SPARK_STEPS, has_timers
from twtop.frame.view import Key, label
from twtop.model import Counts, Direction, Mask
from twtop.verdicts.ports import ports_level
from twtop.verdicts.verdict import SOON_S, Level

SHORT_DIRECTIONS = {Direction.OUTBOUND: "out", Direction.INBOUND: "in", Direction.UNKNOWN: "?"}

PORT, FIGURES, SHARE = 6, 15, 8
"""Cells for `:65535`, ` 23,432/28,232 ` and ` ▲ 100 %`."""

LEVEL_TONES = {Level.CRITICAL: Tone.CRITICAL, Level.WARN: Tone.WARN}

NARROW_GAUGE, WIDEST_GAUGE = 8, 60


def name(row: PeerRow, _width: int) -> Line:
    """What the group is called, behind a sign that tells whether there is more below; a destination is indented."""
    if row.leaf is not None:
        return (("   " + _leaf_label(row.groups.leaf_key(row.leaf)), Tone.PLAIN),)
    several = row.groups.first[row.group + 1] - row.groups.first[row.group] > 1
    sign = "▾" if row.expanded else "▸" if several else " "
    return ((sign, Tone.DIM), (label(row.key), Tone.STRONG))


def _leaf_label(key: Key) -> str:
    if key.direction is Direction.INBOUND:
        remote = fmt.address(key.remote or 0, key.device_name)
        return f"{remote} to {fmt.endpoint(key.local or 0, key.port or 0)}"
    return f"{fmt.endpoint(key.remote or 0, key.port or 0, key.device_name)} from {fmt.address(key.local or 0)}"


def direction(row: PeerRow, _width: int) -> Line:
    return ((SHORT_DIRECTIONS[Direction(row.groups.destinations.direction[row.destination])], Tone.DIM),)


def counted(count: Callable[[Counts], Counts], tone: Tone) -> Callable[[PeerRow, int], Line]:
    """A cell with a number that `count` makes of the row's sockets by state (12,)."""
    return lambda row, _width: ((fmt.count(int(count(row.states))), tone),)


def change(count: Callable[[Counts], Counts]) -> Callable[[PeerRow, int], Line]:
    """A cell with how many more there are than at the baseline; nothing without one."""

    def cell(row: PeerRow, _width: int) -> Line:
        if (base := row.frame.base) is None:
            return ()
        return ((fmt.signed(float(count(row.states - base.states(row.key)))), Tone.KEY),)

    return cell


def ports(row: PeerRow, width: int) -> Line:
    """`:443 ▓▓▓▓│░░░ 1,438/7,233 △ 19 %`: the gauge takes the room that the words leave."""
    groups, destination = row.groups, row.destination
    budget, port = groups.budgets, f":{groups.destinations.port[destination]}"
    used, capacity = fmt.count(budget.used[destination]), fmt.count(budget.capacity[destination])
    if np.isnan(budget.capacity[destination]):
        return ((f"{port:>{PORT}} {used} used, budget unknown", Tone.DIM),)
    inbound = groups.destinations.direction[destination] == Direction.INBOUND
    pressure, full_in_s = float(budget.pressure[destination]), float(budget.full_in_s[destination])
    level = Level.OK if inbound else ports_level(pressure, bool(budget.past_cliff[destination]), full_in_s)
    tone, sign = LEVEL_TONES.get(level, Tone.PLAIN), f"{SIGNS[level]} " if level in LEVEL_TONES else ""
    words: list[Span] = [(f"{sign + fmt.percent(pressure):>{SHARE}}", tone)]
    if width >= PORT + NARROW_GAUGE + FIGURES + SHARE + 1:
        words.insert(0, (f" {used:>7}/{capacity:<6}", Tone.PLAIN))
    recyclable = f" {fmt.count(budget.time_wait[destination]):>6} recyclable"
    if width >= PORT + NARROW_GAUGE + FIGURES + SHARE + len(recyclable) + 1:  # left in every row: figures align
        words.append((recyclable if inbound else " " * len(recyclable), Tone.DIM))
    room = min(width - PORT - 1 - width_of(tuple(words)), WIDEST_GAUGE)
    return (
        (f"{port:>{PORT}} ", Tone.DIM),
        *gauge(groups, destination, room, float(row.frame.analysis.peak[destination])),
        *words,
    )


def is_inferred(budgets: PortBudgets) -> Mask:
    """Mask of the destinations of which nobody sees all that is asked: what fails is not counted, or is an equal part
    of what several share."""
    return budgets.limit.unseen | (budgets.failed_shared_60s > 0)


def asked(new_per_s: float, inferred: bool) -> str:
    """A rate in at most seven cells, behind ~ where it is inferred.

    >>> asked(150.0, False), asked(150.0, True), asked(1204.0, True), asked(0.0, True)
    ('150  ', '~150  ', '~1,204 ', '0  ')
    """
    shown = fmt.rate_on_point(new_per_s)
    return f"~{shown}"[:7] if inferred and new_per_s > 0 else shown


def new(row: PeerRow, _width: int) -> Line:
    budgets, at = row.groups.budgets, row.destination
    return ((asked(float(budgets.new_per_s[at]), bool(is_inferred(budgets)[at])), Tone.PLAIN),)


def most(row: PeerRow, _width: int) -> Line:
    return ((fmt.rate_on_point(row.groups.budgets.max_per_s[row.destination]), Tone.DIM),)


def time_to_full(full_in_s: float, waits: bool, was_full_lately: bool) -> str:
    """When a budget is full, in at most eight cells, as verdicts.ports.fullness says it.

    >>> time_to_full(41.4, False, False), time_to_full(0, True, True), time_to_full(np.inf, False, True)
    ('41 s', 'now', 'at limit')
    """
    return "at limit" if was_full_lately and not waits else fmt.full_in(full_in_s)


def full_in(row: PeerRow, _width: int) -> Line:
    budgets, at = row.groups.budgets, row.destination
    left_s, lately = float(budgets.full_in_s[at]), bool(budgets.limit.lately[at])
    tone = Tone.CRITICAL if left_s <= SOON_S else Tone.WARN if lately or np.isfinite(left_s) else Tone.DIM
    return ((time_to_full(left_s, bool(budgets.waits[at]), lately), tone),)


def failed(row: PeerRow, _width: int) -> Line:
    found = row.failed
    tone = Tone.CRITICAL if found.per_s > 0 else Tone.DIM
    return ((failed_per_s(found), tone),)


def failed_60s(row: PeerRow, width: int) -> Line:
    found = row.failed
    tone = Tone.CRITICAL if found.per_s > 0 else Tone.WARN if found.last_60s > 0 else Tone.DIM
    return ((last_60s_among(found, row.groups, width), tone),)


def spark(row: PeerRow, width: int) -> Line:
    """Entries of the last minute in steps of 3 s, or of 6 s where room is short."""
    if not has_timers(row.states, row.entered):
        return ((fmt.UNKNOWN, Tone.DIM),)
    steps = row.entered if width >= SPARK_STEPS else row.entered.reshape(SPARK_STEPS // 2, 2).sum(axis=1)
    return ((fmt.sparkline(steps.tolist(), len(steps)), Tone.TIME_WAIT),)
