"""Failed connects of rows: of groups, of destinations, or of whatever else some destinations make up together."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from twtop.arrays import fused
from twtop.budgets.port_budgets import PortBudgets
from twtop.dump.destinations import Destinations
from twtop.frame.groups import Groups
from twtop.model import Direction, Floats, Mask, Rows
from twtop.records import dataclass, freeze_columns


@dataclass(frozen=True, slots=True, eq=False)
class RowFailures:
    """connect() calls of rows that found no port, now per second and in the last minute: (rows,), NaN for unknown.

    The kernel tells their remote address alone. What several full destinations share counts once in a row that has all
    of them, and in each row that has some of them: `at_most` masks these. `at_least` masks the rows of which some may
    not have been counted. `among` is a destination of the row, where nothing else failed than what that shares with
    others of its address; else −1.
    """

    per_s: Floats
    last_60s: Floats
    at_most: Mask
    at_least: Mask
    among: Rows

    def __post_init__(self) -> None:
        freeze_columns(self)

    def row(self, number: int) -> "Failed":
        """Those of one row."""
        return Failed(
            per_s=float(self.per_s[number]),
            last_60s=float(self.last_60s[number]),
            at_most=bool(self.at_most[number]),
            at_least=bool(self.at_least[number]),
            among=int(self.among[number]),
        )


class Failed(NamedTuple):
    """The failed connects of one row, as in RowFailures."""

    per_s: float
    last_60s: float
    at_most: bool
    at_least: bool
    among: int


def of_groups(groups: Groups) -> RowFailures:
    """Those of each group: (groups,)."""
    return _of_leaves(groups, np.repeat(np.arange(len(groups)), np.diff(groups.first)))


def of_leaves(groups: Groups) -> RowFailures:
    """Those of each leaf: (leaves,)."""
    return _of_leaves(groups, np.arange(len(groups.destination)))


def of_destinations(destinations: Destinations, budgets: PortBudgets, chosen: Rows) -> RowFailures:
    """Those of these destinations together: (1,)."""
    return _summed(destinations, budgets, chosen, np.zeros(len(chosen), np.intp), 1)


def _of_leaves(groups: Groups, row: Rows) -> RowFailures:
    """`row` (leaves,) is the row of each leaf, in ascending order."""
    count = int(row[-1]) + 1 if len(row) else 0
    found = _summed(groups.destinations, groups.budgets, groups.destination, row, count)
    several = np.bincount(groups.destination, minlength=len(groups.destinations)) > 1  # as of several processes
    parted = np.bincount(row, several[groups.destination], count) > 0
    return replace(found, at_most=found.at_most | (parted & (found.last_60s > 0)))


def _summed(destinations: Destinations, budgets: PortBudgets, chosen: Rows, row: Rows, count: int) -> RowFailures:
    """`row` is the number of the row, below `count`, of each of the `chosen` destinations."""
    is_shared = ~np.isnan(budgets.failed_shared_60s)
    shared, sole = is_shared[chosen], ~np.isnan(budgets.failed_60s[chosen])
    remote = destinations.remote[chosen]
    _, first, members = np.unique(fused((row[shared], 32), (remote[shared], 32)), return_index=True, return_counts=True)
    example, one_row = chosen[shared][first], row[shared][first]  # of each pair of a row and an address

    def total(own: Floats, of_address: Floats) -> Floats:
        counted = np.bincount(row[sole], own[chosen[sole]], count) + np.bincount(one_row, of_address[example], count)
        known = np.bincount(row[sole | shared], minlength=count) > 0
        return np.where(known, counted, np.nan)

    sharing = np.bincount(destinations.remote[is_shared], minlength=destinations.remote.max(initial=0) + 1)
    in_part = members < sharing[destinations.remote[example]]
    unread = (sharing == 1)[destinations.remote[example]]  # with what a filtered read did not show
    addresses = np.bincount(one_row, minlength=count)
    one_address = (addresses == 1) & (np.bincount(row[sole], budgets.failed_60s[chosen[sole]], count) == 0)
    among = np.full(count, -1)
    among[one_row] = example
    outbound = destinations.direction[chosen] == Direction.OUTBOUND
    uncounted = outbound & (budgets.failed_at_least[chosen] | ~(sole | shared))
    return RowFailures(
        per_s=total(budgets.failed_per_s, budgets.failed_shared_per_s),
        last_60s=total(budgets.failed_60s, budgets.failed_shared_60s),
        at_most=np.bincount(one_row, in_part | unread, count) > 0,
        at_least=np.bincount(row, uncounted, count) > 0,
        among=np.where(one_address, among, -1),
    )
