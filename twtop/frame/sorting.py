"""The order of groups: each column gives every group one key, and the largest is first."""

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import ranks
from twtop.frame.groups import Groups
from twtop.frame.row_failures import of_groups
from twtop.frame.view import GroupBy, GroupSort
from twtop.model import Rows, TcpState


def ordered(groups: Groups, by: GroupSort, reverse: bool = False) -> Rows:
    """The numbers of all groups in order: the most pressed, the largest, the soonest full, or the lowest name is first.

    Groups with equal keys are in the order of their TIME_WAIT, then of their names. `reverse` reverses all of this, but
    unknown keys (NaN) stay at the end.
    """
    sign = 1 if reverse else -1
    name, waiting = _names(groups), groups.states[:, TcpState.TIME_WAIT]
    keys = _keys(groups, by).astype(np.float64)
    direction = groups.destinations.direction[groups.worst]
    return np.lexsort((direction, sign * name, sign * waiting, sign * keys))


def _names(groups: Groups) -> NDArray[np.float64]:
    """Keys by the name in the first column: the lowest address, port or process name has the highest key."""
    match groups.by:
        case GroupBy.SERVICE:
            rank = groups.destinations.port[groups.worst].astype(np.float64)
        case GroupBy.PROCESS:
            process = groups.process[groups.first[:-1]]
            rank = np.where(process == len(groups.process_names) - 1, np.nan, process)
        case _:
            rank = ranks(groups.addresses)[groups.destinations.remote[groups.worst]].astype(np.float64)
    return -rank


def _keys(groups: Groups, by: GroupSort) -> NDArray[np.number]:
    budgets, worst = groups.budgets, groups.worst
    waiting = groups.states[:, TcpState.TIME_WAIT]
    match by:
        case GroupSort.PORTS:
            return groups.urgency
        case GroupSort.PEER:
            return _names(groups)
        case GroupSort.DIRECTION:
            return groups.destinations.direction[worst]
        case GroupSort.TIME_WAIT:
            return waiting
        case GroupSort.OTHER:
            other: NDArray[np.int64] = groups.states.sum(axis=1) - waiting
            return other
        case GroupSort.NEW:
            return budgets.new_per_s[worst]
        case GroupSort.MAX:
            return budgets.max_per_s[worst]
        case GroupSort.FULL_IN:
            return -budgets.full_in_s[worst]
        case GroupSort.FAILED:
            return of_groups(groups).per_s
        case GroupSort.LAST_MINUTE:
            return groups.entered_per_s
