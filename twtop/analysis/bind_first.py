"""Does a client bind() before it connect()s? Then its budget is one per local IP, over all destinations.

bind(ip, 0) takes a port that no other socket of that IP has (inet_csk_get_port), whatever the destination, and fails
with EADDRINUSE when there is none; the ports it took are closed to every connect(). IP_BIND_ADDRESS_NO_PORT leaves the
choice to connect(). No socket says how it got its port, but all of an address together do: connect() chooses for each
destination anew, and so uses ports twice by chance. Before there are enough of them to tell, bind() may have chosen: it
begins with the parity that connect() leaves to the last (inet_csk_find_open_port).
"""

from dataclasses import dataclass, fields

import numpy as np

from twtop.analysis.destinations import Destinations, Names, address_names
from twtop.analysis.exhaustion import full_in_s, max_per_s
from twtop.analysis.rates import SHORT_S, measure_rates
from twtop.analysis.reading import Reading
from twtop.analysis.timer_wheel import mean_life_s
from twtop.arrays import distinct, factorize, fused
from twtop.model import Codes, Counts, Direction, Floats, Mask, Rows, freeze

EXPECTED_SHARE = 0.2
"""Part of the sockets that connect() would have put on a port in use already, from which their lack tells something.

Then the walks of the destinations through the range, which take a port in four or five, overlap for certain: in
simulations of two to eighty of them connect() never came below three fifths of the mean.
"""

EXPECTED_SOCKETS = 16
SEEN_OF_EXPECTED = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class BindFirst:
    """One entry per local address that has outbound connections, TIME_WAIT included; `names` as in Destinations.

    `ports` are its distinct local ports, `by_connect` how many these would be, in the mean, had connect() chosen them.
    `holds`: the client binds first, so that at a `pressure` of 1 its bind() fails, whatever the destination.
    `possible`: it may well do so, which the sockets of now do not tell yet.

    `live` are the connections not in TIME_WAIT. The rest is of the one budget that all destinations have where it
    `holds` or is `possible`, as in Budgets: NaN is unknown, infinity in `full_in_s` is never.
    """

    names: Names
    local: Codes
    sockets: Counts
    destinations: Counts
    ports: Counts
    by_connect: Floats
    pressure: Floats
    holds: Mask
    possible: Mask
    live: Floats
    new_per_s: Floats
    max_per_s: Floats
    full_in_s: Floats

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)))

    def bound(self, destinations: Destinations, full_in_s: Floats) -> Floats:
        """The times until these destinations are full by themselves, as far as their addresses' budgets last.

        Where those may end sooner, but it is not known when or whether there are any, the time is unknown too.
        """
        number = np.full(destinations.local.max(initial=-1) + 1, -1)
        number[self.local] = np.arange(len(self.local))
        rows = np.flatnonzero((destinations.direction == Direction.OUTBOUND) & (number[destinations.local] >= 0))
        own = number[destinations.local[rows]]
        shared = np.where(self.holds, self.full_in_s, np.where(self.possible, np.nan, np.inf))[own]
        sooner = ~(self.full_in_s[own] >= full_in_s[rows])
        result = full_in_s.copy()
        result[rows[sooner]] = np.minimum(shared, full_in_s[rows])[sooner]
        return result


def bind_first(reading: Reading) -> BindFirst | None:
    """Compare the local ports of each address with those that connect() would have chosen.

    None where the port range is unknown, or only a part of the sockets was read.

    Of n ports that connect() tries first, a destination with k connections holds each with a chance of k/n. Over
    all destinations n·(1 − Π(1 − k/n)) are in use. Past the cliff, the rest of k falls to the other parity alike.
    """
    snapshot, available, destinations = reading.snapshot, reading.ports, reading.destinations
    if available is None or snapshot.part:
        return None
    sockets = snapshot.sockets
    rows = np.flatnonzero((destinations.per_socket() == Direction.OUTBOUND) & available.available[sockets.lport])
    held = np.bincount(destinations.code[rows], minlength=len(destinations))
    used = np.flatnonzero(held)
    owner, bearers = factorize(destinations.local[used].astype(np.uint64))
    local, count = destinations.local[used][bearers], len(bearers)
    total = np.bincount(owner, held[used], count).astype(np.int64)
    first, second = available.first_parity, available.capacity - available.first_parity
    beyond = np.maximum(held[used] - first, 0)
    by_connect = _distinct(owner, held[used] - beyond, first, count) + _distinct(owner, beyond, second, count)
    number = np.zeros(len(sockets.addresses), np.int32)
    number[local] = np.arange(count)
    code = number[sockets.local[rows]]
    taken = distinct(fused((code, 32), (sockets.lport[rows], 16)))
    ports = np.bincount((taken >> np.uint64(16)).astype(np.intp), minlength=count)
    expected, seen = total - by_connect, total - ports
    telling = expected >= np.maximum(EXPECTED_SHARE * total, EXPECTED_SOCKETS)
    unrefuted = seen <= SEEN_OF_EXPECTED * expected
    shared_by = np.bincount(owner, minlength=count)
    in_first = np.bincount(code[sockets.lport[rows] % 2 == available.low % 2], minlength=count)
    names = address_names(sockets.addresses)[local]
    possible = ~telling & unrefuted & (shared_by > 1) & (in_first * 2 < total)
    holds = telling & unrefuted
    time_wait = sockets.is_time_wait[rows]
    live = (total - np.bincount(code[time_wait], minlength=count)).astype(np.float64)
    asked = time_wait & (holds | possible)[code]
    rows, code = rows[asked], code[asked]
    new, most, full_in = _budget(reading, names, rows, code, live, holds | possible, seen)
    aged = np.bincount(code[sockets.age_ms[rows] >= SHORT_S * 1000], minlength=count)
    begins = possible & (total > live) & (aged == 0)  # so that its rate is higher than it seems
    return BindFirst(
        names=names,
        local=local,
        sockets=total,
        destinations=shared_by,
        ports=ports,
        by_connect=by_connect,
        pressure=ports / max(available.capacity, 1),
        holds=holds,
        possible=possible,
        live=live,
        new_per_s=new,
        max_per_s=most,
        full_in_s=np.where(begins, np.nan, full_in),
    )


def _budget(
    reading: Reading,
    names: Names,
    waiting: Rows,
    owner: Codes,
    live: Floats,
    asked: Mask,
    shared: Counts,
) -> tuple[Floats, Floats, Floats]:
    """(new_per_s, max_per_s, full_in_s) of each address in `asked`, NaN of the others.

    `waiting` are the rows of their outbound TIME_WAIT, `owner` the address of each. Per address, `live` are the
    connections not in TIME_WAIT, and `shared` the sockets beyond one for each port. bind() waits for the end of a
    TIME_WAIT, whatever tcp_tw_reuse says.
    """
    assert reading.ports is not None
    sockets, wheel, capacity = reading.snapshot.sockets, reading.wheel, float(reading.ports.capacity)
    rates = measure_rates(reading, owner, sockets.age_ms[waiting], names, live)
    timed = asked & (np.bincount(owner[sockets.timer_ms[waiting] < 0], minlength=len(names)) == 0)
    hold_s = np.full(len(names), mean_life_s(wheel.step_s))
    room = np.where(timed, capacity - reading.skipped_ports + shared, np.nan)
    free_in_s = wheel.release_s(sockets.timer_ms[waiting])
    full_in = full_in_s(owner, free_in_s, live, rates, hold_s, room, wheel.longest_s)
    most = max_per_s(np.where(asked, capacity + shared, np.nan), live, hold_s)
    return np.where(timed, rates.new, np.nan), most, full_in


def _distinct(owner: Codes, held: Counts, among: int, count: int) -> Floats:
    """How many of `among` ports are in use, in the mean, when each destination holds so many of them by chance.

    >>> _distinct(np.array([0, 0, 1], np.int32), np.array([50, 50, 7]), among=100, count=2).tolist()
    [75.0, 7.0]
    """
    if not among:
        return np.zeros(count)
    with np.errstate(divide="ignore"):
        log_free = np.bincount(owner, np.log1p(-np.minimum(held / among, 1.0)), count)
    return np.round(among * -np.expm1(log_free), 6)
