"""SYN_SENT that nobody answers: how many there are, for which remote endpoint most of them wait, and since when.

A SYN_SENT is nothing special: each connect() passes through it for a round trip. One that has sent its SYN again has
waited for a second at least.
"""

from dataclasses import dataclass

import numpy as np

from twtop.analysis.destinations import Names, address_names
from twtop.arrays import factorize, fused, index_of, mixed
from twtop.model import UNKNOWN_RETRANSMITS, Addresses, Floats, Rows, Snapshot, TcpState

RETRANSMIT_S = 1.0
"""The first SYN is repeated after this time (TCP_TIMEOUT_INIT in include/net/tcp.h; RFC 6298, 2.1), and each later one
after no less (tcp_syn_linear_timeouts, then doubled)."""

GAP_S = 5.0
"""An endpoint for which nobody waits so long is taken to answer again. Clients that give up sooner than they repeat
their SYN leave gaps."""


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
class Unanswered:
    """`syn_sent` counts all SYN_SENT, `waiting` those that have sent their SYN again, and `endpoints` for how many
    remote endpoints these wait. `worst` is the one that answers least, None without any.

    `waiting` is None where there are SYN_SENT and the source does not tell how long they have waited.
    """

    syn_sent: int
    waiting: int | None
    endpoints: int = 0
    worst: SilentEndpoint | None = None


class UnansweredWatch:
    """Finds the unanswered SYN_SENT of the dumps of a run in turn. It remembers since when endpoints are silent."""

    def __init__(self) -> None:
        self._names: Names = np.empty(0, np.uint64)
        self._since: Floats = np.empty(0)
        self._last: Floats = np.empty(0)
        self._dumped = -np.inf

    def find(self, snapshot: Snapshot) -> Unanswered:
        sockets = snapshot.sockets
        syn_sent = np.flatnonzero(sockets.state == TcpState.SYN_SENT)
        retransmits = sockets.retransmits[syn_sent]
        if (retransmits == UNKNOWN_RETRANSMITS).any():
            return Unanswered(len(syn_sent), None)
        rows = syn_sent[retransmits > 0]
        code, example = factorize(_keys(snapshot, rows))
        waiting = np.bincount(code, minlength=len(example))
        longest = np.zeros(len(example), np.int64)
        np.maximum.at(longest, code, sockets.retransmits[rows])
        since = self._remember(_names(snapshot, rows[example]), longest, snapshot.dumped)
        if not len(rows):
            return Unanswered(len(syn_sent), 0)
        answered = _answered(snapshot, rows[example])
        worst = np.lexsort((longest, waiting, waiting > answered))[-1]
        row = rows[example[worst]]
        return Unanswered(
            syn_sent=len(syn_sent),
            waiting=len(rows),
            endpoints=len(example),
            worst=SilentEndpoint(
                address=sockets.addresses.integer(sockets.remote[row]),
                port=int(sockets.rport[row]),
                waiting=int(waiting[worst]),
                retransmits=int(longest[worst]),
                answered=int(answered[worst]),
                silent_s=snapshot.dumped - float(since[worst]),
            ),
        )

    def _remember(self, names: Names, retransmits: np.ndarray, now: float) -> Floats:
        """Since when each of these endpoints is silent. They join those that were so in the last seconds."""
        lately = self._last >= min(self._dumped, now - GAP_S)
        known, began, last = self._names[lately], self._since[lately], self._last[lately]
        order = np.argsort(known)
        at = np.append(order, -1)[index_of(names, known[order])]
        since: Floats = np.minimum(now - RETRANSMIT_S * retransmits, np.append(began, np.inf)[at])
        gone = np.ones(len(known), np.bool_)
        gone[at[at >= 0]] = False
        self._names = np.append(known[gone], names)
        self._since = np.append(began[gone], since)
        self._last = np.append(last[gone], np.full(len(names), now))
        self._dumped = now
        return since


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


def _answered(snapshot: Snapshot, examples: Rows) -> np.ndarray:
    """How many connections past SYN_SENT there are with the remote endpoint of each of these rows."""
    sockets = snapshot.sockets
    past = np.flatnonzero(sockets.is_connection & (sockets.state != TcpState.SYN_SENT))
    wanted = _keys(snapshot, examples)
    order = np.argsort(wanted)
    at = index_of(_keys(snapshot, past), wanted[order])
    return np.bincount(order[at[at >= 0]], minlength=len(examples))
