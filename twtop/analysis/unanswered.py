"""SYN_SENT that nobody answers: how many there are, for which remote endpoint most of them wait, and since when.

A SYN_SENT is nothing special: each connect() passes through it for a round trip. One that has sent its SYN again has
waited for a second at least. Clients that give up sooner leave another trace: an endpoint with nothing but SYN_SENT.
"""

import numpy as np

from twtop.arrays import address_names, factorize, fused, index_of, mixed
from twtop.dump.destinations import Names
from twtop.model import UNKNOWN_RETRANSMITS, Addresses, Counts, Floats, Rows, Snapshot, TcpState
from twtop.records import dataclass

RETRANSMIT_S = 1.0
"""The first SYN is repeated after this time (TCP_TIMEOUT_INIT in include/net/tcp.h; RFC 6298, 2.1), and each later one
after no less (tcp_syn_linear_timeouts, then doubled)."""

GAP_S = 5.0
"""An endpoint for which nobody waits so long is taken to answer again. Clients that give up soon leave gaps."""

MUTE_LEAST, MUTE_S = 10, 2.0
"""An endpoint is mute that has at least so many SYN_SENT, and no connection, in each dump of so many seconds."""


@dataclass(frozen=True, slots=True)
class SilentEndpoint:
    """A remote endpoint that does not answer: a 128-bit `address` and a `port`.

    `waiting` counts the SYN_SENT to it that have sent their SYN again, and `retransmits` is how often one of them has
    at most. `answered` counts the connections with it that are past SYN_SENT. `silent_s` is for how many seconds it had
    been silent when the sockets were read, at least.
    """

    address: int
    port: int
    waiting: int
    retransmits: int
    answered: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class MuteEndpoint:
    """A remote endpoint that had `syn_sent` SYN_SENT, and no connection, when the sockets were read and for `mute_s`
    seconds before. Either nobody answers there and clients give up within a second, or each connection ends at once."""

    address: int
    port: int
    syn_sent: int
    mute_s: float


@dataclass(frozen=True, slots=True)
class Unanswered:
    """`syn_sent` counts all SYN_SENT, `waiting` those that have sent their SYN again, and `endpoints` for how many
    remote endpoints these wait. `worst` is the one that answers least, None without any.

    `waiting` is None where there are SYN_SENT and the source does not tell how long they have waited. `mute` is the
    endpoint with most SYN_SENT of those that are mute, None without any and where only a part of the sockets was read.
    """

    syn_sent: int
    waiting: int | None
    endpoints: int = 0
    worst: SilentEndpoint | None = None
    mute: MuteEndpoint | None = None


class Since:
    """Remembers since when things have been so, by name. What is missing for `gap_s` and in a dump is forgotten."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._names: Names = np.empty(0, np.uint64)
        self._since: Floats = np.empty(0)
        self._last: Floats = np.empty(0)
        self._dumped = -np.inf

    def note(self, names: Names, began: Floats, now: float) -> Floats:
        """Since when each of these is so: `began`, or earlier if it was so in the dumps before."""
        if not len(names) and not len(self._names):
            self._dumped = now
            return began
        lately = self._last >= min(self._dumped, now - self._gap_s)
        known, since, last = self._names[lately], self._since[lately], self._last[lately]
        order = np.argsort(known)
        at = np.append(order, -1)[index_of(names, known[order])]
        first: Floats = np.minimum(began, np.append(since, np.inf)[at])
        gone = np.ones(len(known), np.bool_)
        gone[at[at >= 0]] = False
        self._names = np.append(known[gone], names)
        self._since = np.append(since[gone], first)
        self._last = np.append(last[gone], np.full(len(names), now))
        self._dumped = now
        return first


class UnansweredWatch:
    """Finds the unanswered SYN_SENT of the dumps of a run in turn. It remembers since when endpoints are silent."""

    def __init__(self) -> None:
        self._silent, self._mute = Since(GAP_S), Since(0)

    def find(self, snapshot: Snapshot) -> Unanswered:
        sockets, now = snapshot.sockets, snapshot.dumped
        rows = sockets.in_state(TcpState.SYN_SENT)
        if not len(rows):
            for since in (self._silent, self._mute):
                since.note(np.empty(0, np.uint64), np.empty(0), now)
            return Unanswered(0, 0)
        retransmits = sockets.retransmits[rows]
        if (retransmits == UNKNOWN_RETRANSMITS).any():
            return Unanswered(len(rows), None)
        code, example = factorize(_keys(snapshot, rows))
        example = rows[example]  # a row of each endpoint
        syn_sent = np.bincount(code, minlength=len(example))
        waiting = np.bincount(code[retransmits > 0], minlength=len(example))
        longest = np.zeros(len(example), np.int64)
        np.maximum.at(longest, code, retransmits)
        names, answered = _names(snapshot, example), _answered(snapshot, example, syn_sent, waiting)

        (silent,) = np.nonzero(waiting)
        began = np.float64(now) - RETRANSMIT_S * longest[silent].astype(np.float64)
        silent_s = now - self._silent.note(names[silent], began, now)
        (mute,) = np.nonzero((syn_sent >= MUTE_LEAST) & (answered == 0) & (not snapshot.part))
        mute_s = now - self._mute.note(names[mute], np.full(len(mute), now), now)

        worst = most_mute = None
        if len(silent):
            at = np.lexsort((longest[silent], waiting[silent], (waiting > answered)[silent]))[-1]
            end, row = silent[at], example[silent[at]]
            worst = SilentEndpoint(
                address=sockets.addresses.integer(sockets.remote[row]),
                port=int(sockets.rport[row]),
                waiting=int(waiting[end]),
                retransmits=int(longest[end]),
                answered=int(answered[end]),
                silent_s=float(silent_s[at]),
            )
        if (mute_s >= MUTE_S).any():
            at = np.argmax(np.where(mute_s >= MUTE_S, syn_sent[mute], 0))
            row = example[mute[at]]
            address, port = sockets.addresses.integer(sockets.remote[row]), int(sockets.rport[row])
            most_mute = MuteEndpoint(address, port, int(syn_sent[mute[at]]), float(mute_s[at]))
        return Unanswered(len(rows), int(waiting.sum()), len(silent), worst, most_mute)


def _keys(snapshot: Snapshot, rows: Rows) -> Names:
    """A number for the remote endpoint of each of these rows, which is the same within one dump."""
    sockets = snapshot.sockets
    return fused((sockets.remote[rows], sockets.addresses.bits), (sockets.rport[rows], 16))


def _names(snapshot: Snapshot, rows: Rows) -> Names:
    """A 64-bit hash for the remote endpoint of each of these rows, which is the same in every dump."""
    sockets = snapshot.sockets
    remote = sockets.remote[rows]
    addresses = Addresses(sockets.addresses.hi[remote], sockets.addresses.lo[remote])
    return mixed(address_names(addresses) + sockets.rport[rows])


def _answered(snapshot: Snapshot, examples: Rows, syn_sent: Counts, waiting: Counts) -> Counts:
    """How many connections past SYN_SENT there are with the remote endpoint of each of these rows: (endpoints,).

    They are counted, in one pass over the table, only where some endpoint may be silent or mute.
    """
    count = len(examples)
    if not ((waiting > 0) | (syn_sent >= MUTE_LEAST)).any():
        return np.zeros(count, np.int64)
    sockets = snapshot.sockets
    past = np.flatnonzero(sockets.is_connection & (sockets.state != TcpState.SYN_SENT))
    wanted = _keys(snapshot, examples)
    order = np.argsort(wanted)
    at = index_of(_keys(snapshot, past), wanted[order])
    return np.bincount(order[at[at >= 0]], minlength=count)
