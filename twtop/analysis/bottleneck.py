"""The one port budget that is nearest to its end: a destination's, or that of a client which binds first."""

from dataclasses import dataclass

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.bind_first import BindFirst
from twtop.analysis.destinations import Destinations
from twtop.analysis.port_budgets import PortBudgets
from twtop.model import Addresses, Direction


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """`destination` is its destination, None where a client binds first: then `destinations` share it.

    Figures as in Budgets: NaN is unknown, infinity never.
    """

    name: str
    destination: int | None
    destinations: int
    used: float
    capacity: float
    pressure: float
    past_cliff: bool
    full_in_s: float
    new_per_s: float
    max_per_s: float


def find_bottleneck(
    destinations: Destinations, budget: PortBudgets, binders: BindFirst | None, addresses: Addresses
) -> Bottleneck | None:
    """None where no outbound connection holds an ephemeral port, or the range is unknown."""
    worst, binder = worst_destination(destinations, budget), worst_binder(binders)
    if worst is None:
        return None
    if binders is not None and binder is not None and binders.pressure[binder] >= budget.pressure[worst]:
        used, pressure = float(binders.ports[binder]), float(binders.pressure[binder])
        return Bottleneck(
            name=fmt.address(addresses.integer(binders.local[binder])),
            destination=None,
            destinations=int(binders.destinations[binder]),
            used=used,
            capacity=used / pressure,
            pressure=pressure,
            past_cliff=False,  # bind() takes any free port
            full_in_s=float(binders.full_in_s[binder]),
            new_per_s=float(binders.new_per_s[binder]),
            max_per_s=float(binders.max_per_s[binder]),
        )
    return Bottleneck(
        name=fmt.endpoint(addresses.integer(destinations.remote[worst]), int(destinations.port[worst])),
        destination=worst,
        destinations=1,
        used=float(budget.used[worst]),
        capacity=float(budget.capacity[worst]),
        pressure=float(budget.pressure[worst]),
        past_cliff=bool(budget.past_cliff[worst]),
        full_in_s=float(budget.full_in_s[worst]),
        new_per_s=float(budget.new_per_s[worst]),
        max_per_s=float(budget.max_per_s[worst]),
    )


def worst_destination(destinations: Destinations, budget: PortBudgets) -> int | None:
    """The outbound destination with the highest pressure; None where there is none, or the range is unknown."""
    pressure = np.where(destinations.direction == Direction.OUTBOUND, budget.pressure, np.nan)
    return None if np.isnan(pressure).all() else int(np.nanargmax(pressure))


def worst_binder(binders: BindFirst | None) -> int | None:
    """The local address that binds before it connects and is nearest to the end of its one budget, if there is one."""
    if binders is None or not binders.holds.any():
        return None
    return int(np.argmax(np.where(binders.holds, binders.pressure, -1.0)))
