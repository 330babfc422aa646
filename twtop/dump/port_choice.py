"""Who chose the local port of each connection: connect(), or a bind() before it.

It matters to everybody. A port that bind() chose is closed to every other connect() of the namespace (tb->fastreuse ≥ 0
in __inet_hash_connect). No socket shows who chose its port, but all together do:

  parity   connect() takes ports of the low end's parity as long as its destination has one left. bind() begins with
           the other parity, and leaves it when no port of it is free (inet_csk_find_open_port). With SO_REUSEADDR it
           does so in the lower half of the range first.
  sharing  connect() chooses for each destination on its own, so destinations share ports by chance. bind() never gives
           an address a port twice.

Both speak of the moment of the choice. Ports may have come free since then, so some choices stay unclear. Clients keep
to their kind, so earlier dumps help in two moments: when a client that binds first has taken all ports, both parities
look alike; and when the TIME_WAIT of a burst run out, those of the parity that was taken first are gone first.
"""

from typing import NamedTuple

import numpy as np

from twtop.arrays import numbered
from twtop.dump.destinations import Destinations, with_unbound
from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.dump.local_ends import LocalEnds
from twtop.dump.tallies import Kind, SocketKinds, Tallies
from twtop.model import PORTS, Counts, Direction, Floats, Mask, Rows, Sockets
from twtop.records import dataclass, freeze, freeze_columns

CERTAIN = 8
"""An address binds first if at least this many of its sockets have ports that connect() would not have chosen."""

NEARLY_ALL, CLEARLY_LESS = 7 / 8, 1 / 16
"""Shares of one parity. In each step the wheel frees about a thirtieth of the ports, then new connections take them."""

STILL_PAST = 3 / 4
"""Whose first parity is in use by this share, may have had none of it left when it took ports of the other one."""

MOST_PREFER = 4
"""A destination prefers bind()'s parity if it has at least so many times as many ports of that as of connect()'s."""

EXPECTED_SHARE, EXPECTED_SOCKETS = 0.2, 16
"""Whether sockets share ports tells something if connect() would have put at least this part of them, and at least so
many, on a port in use.

Each destination's search walks through the range and takes about one port in four or five. With this many sockets the
walks certainly overlap: in simulations of 2 to 80 destinations, connect() never fell below three fifths of the mean.
"""

FEW, ENOUGH = 0.25, 0.5
"""Of the expected sockets that share a port: at most this part shows bind(), at least that part shows connect()."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Masks of the destinations, (destinations,): to which ports show a client that binds first, and to which one that
    connects. `sockets` are how many ports show that.
    """

    bind: Mask
    connect: Mask
    sockets: Counts

    def __post_init__(self) -> None:
        freeze(self.bind, self.connect, self.sockets)

    def of(self, rows: Rows) -> "Shown":
        """The same of these destinations."""
        return Shown(self.bind[rows], self.connect[rows], self.sockets[rows])


@dataclass(frozen=True, slots=True, eq=False)
class PortChoices:
    """Masks over all port numbers, (65536,): `closed` are the ports that bind() chose, and `unclear` those of which
    nobody can tell. Masks of the destinations, (destinations,): whose client binds first for certain, and whose may.
    `connects_too` are those of the former to which connect() chose some ports as well. `shown` is what this dump shows
    by itself.
    """

    closed: Mask
    unclear: Mask
    binds_first: Mask
    may_bind_first: Mask
    connects_too: Mask
    shown: Shown

    def __post_init__(self) -> None:
        freeze_columns(self)

    def of_binders(self, sockets: Sockets, code: Rows) -> Mask:
        """Mask of the connections on closed ports whose client binds first: (sockets,). `code` is the destination of
        each, −1 for none."""
        if not self.closed.any():
            return np.zeros(len(sockets), np.bool_)
        mask: Mask = self.closed.take(sockets.lport) & np.append(self.binds_first, False).take(code)
        return mask


def port_choices(
    sockets: Sockets,
    ports: EphemeralPorts,
    destinations: Destinations,
    ends: LocalEnds,
    kinds: SocketKinds,
    before: Shown | None = None,
) -> PortChoices:
    """Judge all connections on ports that nobody visibly holds by bind(). `kinds` are those of the sockets, and
    `before` is what the dumps before showed.

    A connection of unknown direction may be an accepted one whose listener is gone. That closes its port too.
    """
    use = _use(sockets, ports, destinations, ends, kinds.tallies)
    closed, unclear = np.zeros((2, PORTS), np.bool_)
    unclear[sockets.lport[_of_unknown_direction(destinations, kinds)]] = True
    if not use.second.any() and not _sharing_tells(use).any():
        nobody = np.zeros(len(destinations), np.bool_)
        return PortChoices(closed, unclear, nobody, nobody, nobody, Shown(nobody, _connects(use), use.total))
    outbound = (kinds.of_each & Kind.OPEN != 0) & (destinations.side == Direction.OUTBOUND)
    is_alone = (ends.count(outbound) == 1).take(ends.number)
    alone = _alone(kinds.also(is_alone, Kind.ALONE, destinations), destinations)
    by_parity, may = _by_parity(use, alone)
    certain = by_parity | _by_sharing(use, alone)
    # A client that binds the wildcard address leaves its parity when all addresses together have used it up.
    spilled = bool((certain | may).any()) and max(use.second_in_use) >= STILL_PAST
    may = (may | (spilled & (alone.all == use.total) & (use.total > 0))) & ~certain
    shown = Shown(certain, _connects(use), use.total)
    if before is not None:
        certain, may = _with_what_was_seen(certain, may, before)
    lone = np.flatnonzero(outbound & is_alone)
    code, second = destinations.code[lone], kinds.of_each[lone] & Kind.FIRST == 0
    bound = second & certain[code]
    doubtful = np.where(second, ~_shared_by_chance(use, alone)[code], spilled) & ~bound
    closed[sockets.lport[lone[bound]]] = True
    unclear[sockets.lport[lone[doubtful]]] = True
    not_connects = np.bincount(code[bound | doubtful], minlength=len(certain))
    both = certain & (use.total > not_connects)
    return PortChoices(closed, unclear & ~closed, certain, may, both, shown)


def _of_unknown_direction(destinations: Destinations, kinds: SocketKinds) -> Rows:
    """The connections of unknown direction on open ports."""
    unknown = destinations.direction == Direction.UNKNOWN
    if not kinds.tallies.of(Kind.OPEN)[unknown].any():
        return np.empty(0, np.intp)
    return np.flatnonzero((kinds.of_each & Kind.OPEN != 0) & np.append(unknown, False).take(destinations.code))


@dataclass(frozen=True, slots=True, eq=False)
class _Use:
    """How outbound connections use the two parities.

    Of each destination, (destinations,): the number of its local address, `total` connections, and those on ports of
    the `first` and `second` parity. `first_size` and `second_size` are the ports of each parity. `second_in_use` is the
    share of the second that any address uses, in the whole range and in its lower half.
    """

    address_of: Rows
    addresses: int
    total: Counts
    first: Counts
    second: Counts
    first_size: int
    second_size: int
    second_in_use: tuple[float, float]

    def per_address(self, column: Counts | Floats | Mask) -> Floats:
        """The sums of a column of the destinations, of each one's address: (destinations,)."""
        return np.bincount(self.address_of, column, self.addresses).astype(np.float64)[self.address_of]

    def distinct_by_chance(self, held: Counts, size: int) -> Floats:
        """The mean number of ports that each destination's address uses, out of n = `size`, if chance gave each
        destination k = `held` of them: n·(1 − Π(1 − k/n)).
        """
        if not size:
            return np.zeros(len(held))
        with np.errstate(divide="ignore"):
            log_free = self.per_address(np.log1p(-np.minimum(held / size, 1.0)))
        mean: Floats = -size * np.expm1(log_free)
        return mean


class _Alone(NamedTuple):
    """How many outbound connections of each destination are alone on their port, and how many of those are on ports of
    the second parity: (destinations,)."""

    all: Counts
    second: Counts


def _alone(tally: Tallies, destinations: Destinations) -> _Alone:
    outbound, alone = destinations.direction == Direction.OUTBOUND, Kind.OPEN | Kind.ALONE
    return _Alone(*(np.where(outbound, tally.of(alone, lacks), 0) for lacks in (Kind.ANY, Kind.FIRST)))


def _use(sockets: Sockets, ports: EphemeralPorts, destinations: Destinations, ends: LocalEnds, tally: Tallies) -> _Use:
    address_of, own = numbered(destinations.local, len(sockets.addresses))
    outbound = destinations.direction == Direction.OUTBOUND

    def count(has: Kind, lacks: Kind = Kind.ANY) -> Counts:
        return np.where(outbound, tally.of(has | Kind.OPEN, lacks), 0)

    return _Use(
        address_of=address_of,
        addresses=len(own),
        total=count(Kind.ANY),
        first=count(Kind.FIRST) + _first_beside(sockets, ports, destinations),
        second=count(Kind.ANY, Kind.FIRST),
        first_size=ports.first_parity,
        second_size=ports.capacity - ports.first_parity,
        second_in_use=_second_in_use(ports, ends.per_port > 0),
    )


def _first_beside(sockets: Sockets, ports: EphemeralPorts, destinations: Destinations) -> Counts | int:
    """How many ports of the first parity each destination of a device finds taken by sockets without a device."""
    rows, code = with_unbound(destinations, sockets)
    if rows is None:
        return 0
    rows, code = rows[len(sockets) :], code[len(sockets) :]
    first = ports.available[sockets.lport[rows]] & (sockets.lport[rows] % 2 == ports.low % 2)
    return np.bincount(code[first], minlength=len(destinations))


def _second_in_use(ports: EphemeralPorts, used: Mask) -> tuple[float, float]:
    """The share of the second parity that these ports are, in the whole range and in its lower half."""
    in_use = used & ports.available

    def share(end: int) -> float:
        second = slice(ports.low + 1, end, 2)
        return int(np.count_nonzero(in_use[second])) / max(int(np.count_nonzero(ports.available[second])), 1)

    return share(ports.high + 1), share(ports.low + (ports.high + 1 - ports.low) // 4 * 2)


def _by_parity(use: _Use, alone: _Alone) -> tuple[Mask, Mask]:
    """(destinations whose client binds first, destinations whose client may), by the parity that they fill first."""
    if not use.first_size:
        return np.zeros(len(use.total), np.bool_), alone.second > 0
    first, second = use.first / use.first_size, alone.second / max(use.second_size, 1)
    used_up = use.second_in_use[0] >= NEARLY_ALL
    strange = (alone.second > 0) & (first < STILL_PAST)
    prefers = strange & (MOST_PREFER * use.first <= alone.second)
    likely = prefers | (used_up & strange)
    certain = likely & (use.per_address(alone.second * likely) >= CERTAIN)
    even = used_up & (second >= first - CLEARLY_LESS) & (alone.second > 0)
    return certain, (strange | likely | even) & ~certain


def _connects(use: _Use) -> Mask:
    """Mask of the destinations that fill connect()'s parity before the other one, which bind() never does."""
    if not use.first_size:
        return np.zeros(len(use.total), np.bool_)
    first, second = use.first / use.first_size, use.second / max(use.second_size, 1)
    prefers = MOST_PREFER * use.second <= use.first
    return (use.first >= CERTAIN) & (prefers | ((first >= STILL_PAST) & (first > second + CLEARLY_LESS)))


def _with_what_was_seen(certain: Mask, may: Mask, before: Shown) -> tuple[Mask, Mask]:
    """The same (who binds first, who may), by the kind of client that was seen where only one kind was."""
    bind, connect = before.bind & ~before.connect, before.connect & ~before.bind
    return (certain & ~connect) | (may & bind), (may & ~bind & ~connect) | (certain & connect)


def _expected_sharing(use: _Use) -> Floats:
    """How many connections of each destination's address would share a port if connect() chose all: (destinations,).

    Of the n ports that connect() tries first, a destination with k connections holds each with a chance of k/n. Past
    the cliff, the rest of k is on ports of the other parity, by the same formula.
    """
    beyond = np.maximum(use.total - use.first_size, 0)
    chance = use.distinct_by_chance(use.total - beyond, use.first_size)
    chance = chance + use.distinct_by_chance(beyond, use.second_size)
    return use.per_address(use.total) - chance


def _sharing_tells(use: _Use) -> Mask:
    """Mask of the destinations of addresses where it tells something whether connections share ports."""
    expected = _expected_sharing(use)
    tells: Mask = expected >= np.maximum(EXPECTED_SHARE * use.per_address(use.total), EXPECTED_SOCKETS)
    return tells


def _by_sharing(use: _Use, alone: _Alone) -> Mask:
    """Mask of the destinations of addresses whose connections share far fewer ports than connect() would have them."""
    sharing = use.per_address(use.total) - use.per_address(alone.all)
    few = sharing <= FEW * _expected_sharing(use)
    return _sharing_tells(use) & few & (2 * alone.all >= use.total) & (use.total > 0)


def _shared_by_chance(use: _Use, alone: _Alone) -> Mask:
    """Mask of the destinations of addresses whose ports of the second parity are shared as connect() brings about."""
    total = use.per_address(use.second)
    expected = total - use.distinct_by_chance(use.second, use.second_size)
    seen = total - use.per_address(alone.second)
    return (expected >= EXPECTED_SOCKETS) & (seen >= ENOUGH * expected)
