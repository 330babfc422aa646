"""The port budget for which fixes are looked for: the bottleneck, if it is short of ports."""

import math

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.budgets.bottleneck import Bottleneck, worst_binder
from twtop.explain.fix import Demand, Promise
from twtop.model import Direction, Rows
from twtop.records import dataclass
from twtop.verdicts.verdict import SHARE_WARN

UNTIMED = "the present rate is unknown without timers"
UNCOUNTED = "the present rate is unknown, because nobody counts the connects that fail"


@dataclass(frozen=True, slots=True)
class ShortBudget:
    """The budget of an outbound destination, or the one that an address which binds first has for all destinations.

    `name` is that of the destination in words, `destination` its number as in Destinations, and `remote` and `port` are
    its own; these three are None where the client binds first. `local` and `remote` are 128-bit addresses. `capacity`,
    `live` and `waiting` count ports: all, those of connections not in TIME_WAIT, and those of TIME_WAIT. A closed
    connection keeps its port for at most `hold_s` seconds, and for `connect_hold_s` if connect() chose it.

    Of `destinations`, the fullest has the part 1 / `spread` of all connections: `spread` is their number if all are
    equally full.
    """

    name: str
    destination: int | None
    local: int
    remote: int | None
    port: int | None
    capacity: float
    live: float
    waiting: float
    demand: Demand
    hold_s: float
    connect_hold_s: float
    destinations: int
    spread: float
    loopback: bool

    @property
    def binds_first(self) -> bool:
        return self.destination is None

    def with_ports(self, capacity: float) -> Promise:
        """The promise of a fix after which there are so many ports, in one budget or in several equal ones."""
        held = self.demand.per_s * self.hold_s + self.live
        return Promise(capacity, held, max(0.0, capacity - self.live) / self.hold_s)


def short_budget(analysis: Analysis) -> ShortBudget | None:
    """None where no budget is short: at least half full, past the cliff, or full before a TIME_WAIT of now ends."""
    worst, soon_s = analysis.bottleneck, analysis.reading.wheel.longest_s
    if worst is None or not (worst.pressure >= SHARE_WARN or worst.past_cliff or worst.full_in_s <= soon_s):
        return None
    return _of_binder(analysis, worst) if worst.destination is None else _of_destination(analysis, worst)


def _demand(worst: Bottleneck) -> Demand:
    """What is asked of a full budget is what succeeds and what fails. Where nobody counts the latter it is what was
    known before (Limit), or unknown."""
    if math.isnan(worst.new_per_s):
        return Demand(math.nan, UNCOUNTED if worst.is_demand_unseen else UNTIMED)
    return Demand(worst.new_per_s, which="the last known rate" if worst.is_demand_unseen else "this rate")


def _of_destination(analysis: Analysis, worst: Bottleneck) -> ShortBudget:
    assert worst.destination is not None
    destinations, addresses = analysis.destinations, analysis.snapshot.sockets.addresses
    number = worst.destination
    local, remote = int(destinations.local[number]), int(destinations.remote[number])
    return ShortBudget(
        name=worst.name,
        destination=number,
        local=addresses.integer(local),
        remote=addresses.integer(remote),
        port=int(destinations.port[number]),
        capacity=worst.capacity,
        live=worst.used - float(analysis.budgets.ending[number]),
        waiting=float(analysis.budgets.time_wait[number]),
        demand=_demand(worst),
        hold_s=(hold_s := _connect_hold_s(analysis, np.array([number]))),
        connect_hold_s=hold_s,
        destinations=1,
        spread=1.0,
        loopback=bool(addresses.is_loopback[[local, remote]].any()),
    )


def _of_binder(analysis: Analysis, worst: Bottleneck) -> ShortBudget:
    binders, binder = analysis.bind_first, worst_binder(analysis.bind_first)
    assert binders is not None
    assert binder is not None
    destinations, local, live = analysis.destinations, int(binders.local[binder]), float(binders.live[binder])
    own = np.flatnonzero((destinations.direction == Direction.OUTBOUND) & (destinations.local == local))
    held = np.bincount(destinations.code + 1, minlength=len(destinations) + 1)[own + 1]
    return ShortBudget(
        name=f"its {fmt.count(worst.shared_by)} destinations",
        destination=None,
        local=analysis.snapshot.sockets.addresses.integer(local),
        remote=None,
        port=None,
        capacity=worst.capacity,
        live=live,
        waiting=max(0.0, worst.used - live),
        demand=_demand(worst),
        hold_s=analysis.reading.wheel.longest_s,  # bind() takes over no TIME_WAIT
        connect_hold_s=_connect_hold_s(analysis, own),
        destinations=worst.shared_by,
        spread=float(held.sum() / held.max()),
        loopback=False,
    )


def _connect_hold_s(analysis: Analysis, of: Rows) -> float:
    """For how many seconds a closed connection to these destinations keeps its port at most, if connect() chose it.

    The timer wheel releases in bursts: 60 s and one step of it (timer_wheel). It is the reuse delay where connect() may
    take over a TIME_WAIT.
    """
    reuse = analysis.reading.reuse
    return reuse.delay_ms / 1000 if reuse.allowed[of].all() else analysis.reading.wheel.longest_s
