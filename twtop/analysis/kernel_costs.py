"""What sockets cost the kernel: memory, hash chains, accept queues."""

from collections.abc import Mapping

import numpy as np

from twtop import formatting as fmt
from twtop.dump.bind_buckets import BindBuckets
from twtop.model import UNKNOWN_QUEUE, Rows, Snapshot, Sockets, TcpState
from twtop.records import dataclass

TIMEWAIT_BYTES = 256
"""Slab object size of tw_sock_TCP and tw_sock_TCPv6."""

BIND_BUCKET_BYTES = 128
"""Slab object size of tcp_bind_bucket and tcp_bind2_bucket."""

ESTABLISHED_BYTES = 3_700
"""What an idle ESTABLISHED takes with its file and inode, as measured; for comparison."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Kernel memory of TIME_WAIT in bytes: `here` of this namespace's by formula, `slabs` of the whole machine's.

    `here` is None where not all sockets were read. `slabs` is None where /proc/slabinfo cannot be read: only root may.
    """

    here: int | None
    slabs: int | None


def memory(snapshot: Snapshot, buckets: BindBuckets) -> Memory:
    """The kernel memory of the TIME_WAIT of a snapshot, and of their bind buckets."""
    waiting = len(snapshot.sockets) - len(snapshot.sockets.others)
    here = TIMEWAIT_BYTES * waiting + BIND_BUCKET_BYTES * (buckets.ports + buckets.pairs)
    return Memory(None if snapshot.part else here, snapshot.gauges.get("tw_slab_bytes"))


@dataclass(frozen=True, slots=True)
class HashLoad:
    """Sockets per bucket of the kernel's hash of connections: at `least`, and at `most`, None for unknown."""

    least: float
    most: float | None


def ehash_load(snapshot: Snapshot) -> HashLoad | None:
    """The load of the table that this namespace uses; None where a figure is missing.

    Namespaces share the table of the machine's first one, unless tcp_child_ehash_entries gives them their own. Of the
    other namespaces' sockets an ordinary user knows next to nothing, and root that there are no more than `alloc` in
    sockstat and the slabs of TIME_WAIT. SYN_RECV are left out.
    """
    gauges, entries = snapshot.gauges, snapshot.limits.ehash_entries
    held, used = gauges.get("tw"), gauges.get("inuse")
    if held is None or used is None or not entries:
        return None
    is_first = "orphan_max" in gauges
    here = (held + used) / abs(entries)
    if entries > 0 and not is_first:
        return HashLoad(here, here)
    live, slabs = gauges.get("alloc"), gauges.get("tw_slabs")
    return HashLoad(here, None if live is None or slabs is None else max(here, (live + slabs) / abs(entries)))


@dataclass(frozen=True, slots=True)
class Listener:
    """The accept queue of the LISTEN socket at `row`: `waiting` connections, and `room` for so many, None if unknown.

    `rqueue` of a LISTEN socket is the length of its queue, and `wqueue` is its backlog (tcp_diag_get_info). There is
    room for one more than that, because sk_acceptq_is_full compares by >.
    """

    row: int
    waiting: int
    room: int | None

    @property
    def share(self) -> float:
        """How much of the room is taken: 0 to 1, NaN if that is unknown."""
        return self.waiting / self.room if self.room else np.nan

    @property
    def fill(self) -> str:
        """In words."""
        if self.room is None:
            return f"{fmt.count(self.waiting)} connections wait, its backlog is unknown"
        return f"{fmt.count(self.waiting)} of {fmt.count(self.room)}"


@dataclass(frozen=True, slots=True)
class Dropper:
    """The listener that drops most: its row, and how many connections per second."""

    row: int
    per_s: float


class DropperWatch:
    """Finds the listener that drops most between one dump and the next of a run."""

    def __init__(self) -> None:
        self._before: Mapping[int, int] = {}
        self._dumped = np.inf

    def find(self, snapshot: Snapshot) -> Dropper | None:
        """None where none drops, and where that is unknown. A listener that is new has dropped nothing before."""
        drops, before, span = snapshot.listener_drops or {}, self._before, snapshot.dumped - self._dumped
        self._before, self._dumped = drops, snapshot.dumped
        more = {inode: count - before.get(inode, 0) for inode, count in drops.items()}
        most = max(more, key=more.__getitem__, default=0)
        sockets = snapshot.sockets
        rows = sockets.in_state(TcpState.LISTEN)
        rows = rows[sockets.inode[rows] == most]
        if span <= 0 or not len(rows) or more.get(most, 0) <= 0:
            return None
        return Dropper(int(rows[0]), more[most] / span)


def fullest_listener(sockets: Sockets) -> Listener | None:
    """The listener whose accept queue is the fullest, or where no backlog is known, the longest; None without any."""
    return _fullest(sockets, sockets.in_state(TcpState.LISTEN))


def listener_at(sockets: Sockets, address: int, port: int) -> Listener | None:
    """The listener of this namespace at an endpoint, a 128-bit address and a port; None if there is none.

    One on a wildcard address is meant where the address is seen to be one of this namespace.
    """
    rows = sockets.in_state(TcpState.LISTEN)
    rows = rows[sockets.lport[rows] == port]
    addresses = sockets.addresses
    is_it = (addresses.hi == np.uint64(address >> 64)) & (addresses.lo == np.uint64(address & (1 << 64) - 1))
    is_here = bool((is_it & addresses.is_loopback).any() or is_it[sockets.local].any())
    at = sockets.local[rows]
    return _fullest(sockets, rows[is_it[at] | (addresses.is_wildcard[at] & is_here)])


def _fullest(sockets: Sockets, rows: Rows) -> Listener | None:
    if not len(rows):
        return None
    waiting, backlog = sockets.rqueue[rows].astype(np.int64), sockets.wqueue[rows].astype(np.int64)
    known = backlog != UNKNOWN_QUEUE
    fullest = np.lexsort((waiting, np.where(known, waiting / (backlog + 1), 0)))[-1]
    room = int(backlog[fullest]) + 1 if known[fullest] else None
    return Listener(int(rows[fullest]), int(waiting[fullest]), room)
