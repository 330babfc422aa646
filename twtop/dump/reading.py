"""One dump of the socket table, with what every part of the analysis needs, and what is kept of the dumps before it."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import field, replace
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Index
from twtop.dump.ages import Ages, steps
from twtop.dump.bind_buckets import BindBuckets, bind_buckets
from twtop.dump.choosers_seen import ChoosersSeen
from twtop.dump.destinations import Destinations, Names, find_destinations
from twtop.dump.directions import Connections, KnownDirections
from twtop.dump.ephemeral_ports import EphemeralPorts, ephemeral_ports
from twtop.dump.failures import Failures
from twtop.dump.local_ends import LocalEnds
from twtop.dump.port_choice import PortChoices, port_choices
from twtop.dump.reuse import PeerTimestamps, Reuse, reuse_of
from twtop.dump.tallies import SocketKinds, socket_kinds
from twtop.dump.timer_wheel import Wheel, wheel, wheel_by_jiffies
from twtop.model import TIMEWAIT_MS, Codes, Direction, Floats, Mask, Rows, Snapshot, Sockets
from twtop.records import dataclass, freeze, freeze_columns
from twtop.table.turnover import turnover

LONG_S = 10
"""Summaries reach back at least this far, and rates are means over so many seconds."""

FRESH_MS = 1000
"""A TIME_WAIT younger than this is still there, even where a new connection may take over older ones, unless
tcp_tw_reuse_delay is shorter."""

Entry = TypeVar("Entry", bound=np.generic)

LASTING_S = 12
"""A TIME_WAIT with more time left than this is still there LONG_S later, unless it ended early."""

LASTING_MS = TIMEWAIT_MS - LASTING_S * 1000
"""The age of a TIME_WAIT with LASTING_S left."""


@dataclass(frozen=True, slots=True, eq=False)
class DumpSummary:
    """Counts of one dump by budget: (budgets,).

    `live` counts connections that no timer ends (Sockets.is_timewait_object), `used` all sockets in the budget,
    `running` the TIME_WAIT with time left, and `lasting` those with more than LASTING_S left. `fresh` are those that
    began within FRESH_MS. Of the budget that an address has for all destinations these four counts are 0. `full_at` is
    when the budget was last full, −∞ for never, `is_now` whether it was called full, `full_in_s` when it was to be
    full, and `asked_per_s` what it was asked for, both NaN for unknown. `held` counts all timewait objects, and
    `overflowed` those that found no bucket since boot, None where that is unknown. `mono` is when the dump was read.
    Times are seconds of the monotonic clock.
    """

    mono: float
    held: int
    overflowed: int | None
    names: Names
    live: Floats
    used: Floats
    running: Floats
    lasting: Floats
    fresh: Floats
    full_at: Floats
    is_now: Mask
    full_in_s: Floats
    asked_per_s: Floats
    _index: Index = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", Index(self.names))
        freeze_columns(self)

    def of(self, column: NDArray[Entry], names: Names, missing: float = 0.0) -> NDArray[Entry]:
        """The entries of a column for the budgets with these names; `missing` for one that this dump did not have."""
        if self._index.begins_with(names):
            return column[: len(names)]
        return np.append(column, np.array(missing, column.dtype)).take(self._index.rows(names))


@dataclass(frozen=True, slots=True, eq=False)
class BudgetState:
    """What later readings need to know of some budgets: (budgets,), as in DumpSummary."""

    names: Names
    live: Floats
    full_at: Floats
    is_now: Mask
    full_in_s: Floats
    asked_per_s: Floats


class RecentDumps:
    """Keeps the summaries of the last seconds."""

    def __init__(self) -> None:
        self._kept: deque[DumpSummary] = deque()

    def before(self, mono: float) -> tuple[DumpSummary, ...]:
        """The summaries of the LONG_S before `mono`, and the last one before those; oldest first."""
        while len(self._kept) > 1 and self._kept[1].mono <= mono - LONG_S:
            self._kept.popleft()
        return tuple(summary for summary in self._kept if summary.mono < mono)

    def keep(self, summary: DumpSummary) -> None:
        """Remember the newest dump."""
        self._kept.append(summary)


class LastDump(NamedTuple):
    """What is carried from one dump to the next."""

    sockets: Sockets
    destinations: Destinations
    bind_buckets: BindBuckets


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What earlier dumps told that this one may not show: directions, None for nothing, the peers' timestamps, and who
    chose the ports. `last` is the last one, None for none, and `names` are those of its destinations.
    """

    directions: KnownDirections | None = None
    timestamps: PeerTimestamps = field(default_factory=PeerTimestamps.nothing)
    choosers: ChoosersSeen = field(default_factory=ChoosersSeen)
    last: LastDump | None = None
    names: Names = field(default_factory=lambda: np.empty(0, np.uint64))


NOTHING = Known()


@dataclass(frozen=True, eq=False)
class Reading:
    """`ports` is None where the port range is unknown. `choices` is None there too, and where only a part of the
    sockets was read. `names` (destinations,) are hashes that stay the same from dump to dump (Destinations.names).
    `ends` are the local ends of the sockets, and `kinds` what these show by themselves. `bind_buckets` are
    those of the TIME_WAIT. `recent` are summaries of the dumps of the last seconds, oldest first. `failures` are the
    failed connects of the last minute, None where they are unknown. `inherited` masks the sockets that a listener
    accepted which has gone since. `reuse` is what connect() may do with TIME_WAIT, by all that is known of the peers'
    `timestamps`.
    """

    snapshot: Snapshot
    ports: EphemeralPorts | None
    choices: PortChoices | None
    destinations: Destinations
    names: Names
    ends: LocalEnds
    kinds: SocketKinds
    bind_buckets: BindBuckets
    wheel: Wheel
    recent: tuple[DumpSummary, ...]
    inherited: Mask
    timestamps: PeerTimestamps
    reuse: Reuse
    failures: Failures | None = None

    @property
    def skipped_ports(self) -> int:
        """Ports that may stay free while connect() fails (EphemeralPorts); 0 where the range is unknown."""
        return self.ports.skipped_ports if self.ports else 0

    @property
    def overflowed(self) -> int | None:
        """How many closed connections have found no bucket since boot, and so left no TIME_WAIT; None for unknown."""
        return self.snapshot.counters.get("TCPTimeWaitOverflow")

    @property
    def buckets(self) -> float:
        """How many timewait objects there may be; infinity where the limit is unknown."""
        limit = self.snapshot.limits.max_tw_buckets
        return math.inf if limit is None else limit

    def known(self, before: Known = NOTHING) -> Known:
        """What this dump and those before it tell the next one. A part of the sockets tells nothing of directions."""
        directions = before.directions if self.snapshot.part else self._known_directions()
        choosers = before.choosers.after(self.names, self.choices, self.snapshot.dumped)
        last = LastDump(self.snapshot.sockets, self.destinations, self.bind_buckets)
        return Known(directions, self.timestamps, choosers, last, self.names)

    def _known_directions(self) -> KnownDirections:
        sockets, destinations = self.snapshot.sockets, self.destinations
        outbound = destinations.direction == Direction.OUTBOUND
        elsewhere = np.arange(len(sockets))
        if self.ports is not None:
            outbound &= destinations.port >= self.ports.low
            elsewhere = self._connections_off(self.ports)
        elsewhere = elsewhere[destinations.side[elsewhere] == Direction.OUTBOUND]
        return KnownDirections(
            mono=self.snapshot.dumped,
            listeners=destinations.rules.listeners,
            inherited=Connections.of(sockets, np.flatnonzero(self.inherited)),
            destinations=np.sort(self.names[outbound]),
            outbound=Connections.of(sockets, elsewhere),
        )

    def _connections_off(self, ports: EphemeralPorts) -> Rows:
        """The connections whose local port connect() did not choose: mostly there are none, or inbound ones alone."""
        sockets, within = self.snapshot.sockets, slice(ports.low, ports.high + 1)
        chosen = int((self.ends.per_port[within] * ports.chosen[within]).sum())
        unconnected = sockets.unconnected
        if chosen + np.count_nonzero(~ports.chosen[sockets.lport[unconnected]]) == len(sockets):
            return np.empty(0, np.intp)
        return np.flatnonzero((~ports.chosen).take(sockets.lport))

    @cached_property
    def age_ms(self) -> Codes:
        """The time since each timewait object began in ms: (sockets,), −1 for all others and where a timer is unknown.

        That of a TIME_WAIT is exact. A closed FIN_WAIT2 begins with tcp_fin_timeout, or with a minute where that is
        longer (tcp_close); TCP_LINGER2 of a single socket is not visible.
        """
        sockets, timeout_s = self.snapshot.sockets, self.snapshot.limits.fin_timeout_s
        closed = sockets.others[sockets.is_timewait_object[sockets.others] & (sockets.timer_ms[sockets.others] >= 0)]
        if not len(closed):
            return sockets.age_ms
        age, lasts_ms = sockets.age_ms.copy(), min((timeout_s or 60) * 1000, TIMEWAIT_MS)
        age[closed] = np.maximum(lasts_ms - sockets.timer_ms[closed], 0)
        freeze(age)
        return age

    @cached_property
    def ages(self) -> Ages:
        """How old the TIME_WAIT of each destination are, by what summaries, rates and losses ask for."""
        by = steps((FRESH_MS, LONG_S * 1000, LASTING_MS, TIMEWAIT_MS, *self.since_earlier_ms))
        return Ages(self.destinations.code, self.snapshot.sockets.age_ms, len(self.destinations), by)

    @cached_property
    def earlier(self) -> DumpSummary | None:
        """The dump with which this one compares: the oldest of the last LASTING_S that had at least half as many
        timewait objects as now, else the newest; None without any. A dump with fewer tells little."""
        recent = [summary for summary in self.recent if self.snapshot.dumped - summary.mono <= LASTING_S]
        held = self.snapshot.sockets.timewait_objects
        return next((each for each in recent if 2 * each.held >= held), recent[-1] if recent else None)

    @property
    def since_earlier_ms(self) -> tuple[float, float]:
        """The ages of what began when the earlier dump was read, and of what had LASTING_S left then; 0 without it."""
        if self.earlier is None:
            return 0.0, 0.0
        since_ms = (self.snapshot.dumped - self.earlier.mono) * 1000
        return since_ms, min(LASTING_MS + since_ms, TIMEWAIT_MS)

    def summary(self, used: Floats, own: BudgetState, shared: BudgetState | None = None) -> DumpSummary:
        """The summary of this dump, with which later readings compare themselves.

        `used` (destinations,) counts the sockets in each budget, and `own` is the state of those budgets. `shared` are
        the budgets that one local address has for all destinations.
        """
        states = (own,) if shared is None else (own, shared)

        def every(columns: Iterable[NDArray[Entry]]) -> NDArray[Entry]:
            return np.concatenate([*columns])

        def counts(column: Floats) -> Floats:
            return np.append(column, np.zeros(0 if shared is None else len(shared.names)))

        fresh, lasting, running = (
            self.ages.younger(edge).astype(np.float64) for edge in (FRESH_MS, LASTING_MS, TIMEWAIT_MS)
        )

        return DumpSummary(
            mono=self.snapshot.dumped,
            held=self.snapshot.sockets.timewait_objects,
            overflowed=self.overflowed,
            names=every(state.names for state in states),
            live=every(state.live for state in states),
            used=counts(used),
            running=counts(running),
            lasting=counts(lasting),
            fresh=counts(fresh),
            full_at=every(state.full_at for state in states),
            is_now=every(state.is_now for state in states),
            full_in_s=every(state.full_in_s for state in states),
            asked_per_s=every(state.asked_per_s for state in states),
        )


def take_reading(
    snapshot: Snapshot,
    recent: tuple[DumpSummary, ...] = (),
    failures: Failures | None = None,
    known: Known = NOTHING,
) -> Reading:
    """Find ports, destinations and the timer wheel of a dump. `known` is what the dumps before told; the other
    arguments are those of Reading.

    What a listener accepted closes its port to every connect(), also when the listener is gone (tb->fastreuse ≥ 0).
    """
    sockets = snapshot.sockets
    inherited = np.zeros(len(sockets), np.bool_)
    if known.directions is not None:
        inherited = known.directions.accepted(sockets, snapshot.dumped)
    ends = LocalEnds(sockets)
    ports = ephemeral_ports(snapshot.limits, sockets, ends.per_port)
    if ports is not None and inherited.any():
        ports = ports.without(sockets.lport[inherited])
    last = known.last
    changed = turnover(last.sockets, sockets) if last else None
    destinations = find_destinations(
        sockets, ports, known.directions, inherited, last.destinations if last else None, changed
    )
    choices, kinds = None, socket_kinds(sockets, ports, destinations)
    names = destinations.names(sockets.addresses, known.names)
    if ports is not None and not snapshot.part:
        choices = port_choices(sockets, ports, destinations, ends, kinds, known.choosers.of(names))
        ports = replace(ports, available=ports.available & ~choices.closed, unclear=choices.unclear)
        kinds = socket_kinds(sockets, ports, destinations) if choices.closed.any() else kinds
    timestamps = known.timestamps.after(sockets, destinations, snapshot.dumped)
    return Reading(
        snapshot=snapshot,
        ports=ports,
        choices=choices,
        destinations=destinations,
        names=names,
        ends=ends,
        kinds=kinds,
        bind_buckets=bind_buckets(sockets, last.bind_buckets if last else None, changed),
        wheel=_wheel(snapshot),
        recent=recent,
        inherited=inherited,
        timestamps=timestamps,
        reuse=reuse_of(snapshot.limits, sockets, destinations, timestamps),
        failures=failures,
    )


def _wheel(snapshot: Snapshot) -> Wheel:
    """The timer wheel by the jiffies, or where they tell nothing, by the timers."""
    told, sockets = wheel_by_jiffies(snapshot.dumped, snapshot.jiffies_s), snapshot.sockets
    return told or wheel(sockets.timer_ms[sockets.is_time_wait], snapshot.dumped, snapshot.timer_unit_ms)
