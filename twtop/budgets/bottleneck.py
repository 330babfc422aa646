"""The port budget that is nearest to its end: that of a destination, or of a client that binds first."""

import math
from dataclasses import replace

import numpy as np

from twtop import formatting as fmt
from twtop.budgets.bind_first import BindFirst
from twtop.budgets.port_budgets import PortBudgets
from twtop.budgets.shared_failures import told_apart
from twtop.dump.destinations import Destinations
from twtop.dump.reading import Reading
from twtop.model import Direction
from twtop.records import dataclass


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """`destination` is a number as in Destinations. It is None where a client binds first and `shared_by` destinations
    have one budget together. `name` is the text that stands for the budget: of the destination, or of the address that
    binds. `failed_to` says between which destinations of the address nobody knows what failed, as “to 443 or 8443”;
    empty where that is known.

    Figures are as in PortBudgets: NaN is unknown, infinity is never. `was_full_lately` and `is_demand_unseen` are as in
    Limit, `may_bind_first` as in BindFirst.may.
    """

    name: str
    destination: int | None
    shared_by: int
    used: float
    capacity: float
    pressure: float
    past_cliff: bool
    full_in_s: float
    new_per_s: float
    max_per_s: float
    failed_per_s: float
    failed_60s: float
    failed_shared_per_s: float
    failed_shared_60s: float
    failed_at_least: bool
    failed_to: str
    waits: bool
    was_full_lately: bool
    is_demand_unseen: bool
    may_bind_first: bool
    next_free_s: float
    freed_per_s: float
    left_at_least: float
    left_at_most: float

    @property
    def failing(self) -> tuple[float, float]:
        """(failed connects per second, those of the last minute), together with those of other destinations if only
        that is known; NaN for unknown.
        """
        if self.failed_to:
            return self.failed_shared_per_s, self.failed_shared_60s
        return self.failed_per_s, self.failed_60s

    def in_seconds(self, passed_s: float) -> "Bottleneck":
        """The same once so many seconds have passed, as PortBudgets.in_seconds."""
        return replace(self, next_free_s=float(np.maximum(self.next_free_s - passed_s, 0.0)))


def find_bottleneck(reading: Reading, budgets: PortBudgets, binders: BindFirst | None) -> Bottleneck | None:
    """None where no outbound connection holds an ephemeral port, or where the port range is unknown."""
    destinations, addresses = reading.destinations, reading.snapshot.sockets.addresses
    worst, binder = worst_destination(destinations, budgets), worst_binder(binders)
    if worst is None:
        return None
    if binders is not None and binder is not None and binders.pressure[binder] >= budgets.pressure[worst]:
        return Bottleneck(
            name=fmt.address(addresses.integer(binders.local[binder])),
            destination=None,
            shared_by=int(binders.destinations[binder]),
            used=float(binders.ports[binder]),
            capacity=float(binders.capacity[binder]),
            pressure=float(binders.pressure[binder]),
            past_cliff=False,  # bind() takes any free port
            full_in_s=float(binders.full_in_s[binder]),
            new_per_s=float(binders.new_per_s[binder]),
            max_per_s=float(binders.max_per_s[binder]),
            failed_per_s=math.nan,  # no one can count a bind() that fails
            failed_60s=math.nan,
            failed_shared_per_s=math.nan,
            failed_shared_60s=math.nan,
            failed_at_least=False,
            failed_to="",
            waits=bool(binders.waits[binder]),
            was_full_lately=bool(binders.limit.lately[binder]),
            is_demand_unseen=bool(binders.limit.unseen[binder]),
            may_bind_first=False,
            next_free_s=float(binders.next_free_s[binder]),
            freed_per_s=float(binders.freed_per_s[binder]),
            left_at_least=float(binders.left_at_least[binder]),
            left_at_most=float(binders.left_at_most[binder]),
        )
    return Bottleneck(
        name=fmt.endpoint(
            addresses.integer(destinations.remote[worst]),
            int(destinations.port[worst]),
            fmt.device(int(destinations.device[worst]), reading.snapshot.device_names),
        ),
        destination=worst,
        shared_by=1,
        used=float(budgets.used[worst]),
        capacity=float(budgets.capacity[worst]),
        pressure=float(budgets.pressure[worst]),
        past_cliff=bool(budgets.past_cliff[worst]),
        full_in_s=float(budgets.full_in_s[worst]),
        new_per_s=float(budgets.new_per_s[worst]),
        max_per_s=float(budgets.max_per_s[worst]),
        failed_per_s=float(budgets.failed_per_s[worst]),
        failed_60s=float(budgets.failed_60s[worst]),
        failed_shared_per_s=float(budgets.failed_shared_per_s[worst]),
        failed_shared_60s=float(budgets.failed_shared_60s[worst]),
        failed_at_least=bool(budgets.failed_at_least[worst]),
        failed_to=told_apart(destinations, budgets, addresses, worst),
        waits=bool(budgets.waits[worst]),
        was_full_lately=bool(budgets.limit.lately[worst]),
        is_demand_unseen=bool(budgets.limit.unseen[worst]),
        may_bind_first=binders is not None and bool(binders.may[worst]),
        next_free_s=float(budgets.next_free_s[worst]),
        freed_per_s=float(budgets.freed_per_s[worst]),
        left_at_least=float(budgets.left_at_least[worst]),
        left_at_most=float(budgets.left_at_most[worst]),
    )


def worst_destination(destinations: Destinations, budgets: PortBudgets) -> int | None:
    """The outbound destination with the highest pressure, of several the one to which most connects failed lately; None
    where there is none, or the range is unknown."""
    pressure = np.where(destinations.direction == Direction.OUTBOUND, budgets.pressure, np.nan)
    if np.isnan(pressure).all():
        return None
    failed = np.nan_to_num(np.fmax(budgets.failed_60s, budgets.failed_shared_60s))
    return int(np.argmax(np.where(pressure == np.nanmax(pressure), failed, -1.0)))


def worst_binder(binders: BindFirst | None) -> int | None:
    """The local address that binds first and is nearest to the end of its budget; None where there is none."""
    if binders is None or not binders.holds.any():
        return None
    return int(np.argmax(np.where(binders.holds, binders.pressure, -1.0)))
