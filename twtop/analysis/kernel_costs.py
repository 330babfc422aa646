"""What sockets cost the kernel: memory, hash chains, accept queues."""

from dataclasses import dataclass

import numpy as np

from twtop.arrays import distinct, fused
from twtop.model import UNKNOWN_QUEUE, Snapshot, Sockets, TcpState

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


def memory(snapshot: Snapshot) -> Memory:
    """The kernel memory of the TIME_WAIT of a snapshot."""
    here = None if snapshot.part else memory_formula(snapshot.sockets)
    return Memory(here, snapshot.gauges.get("tw_slab_bytes"))


def memory_formula(sockets: Sockets) -> int:
    """Bytes of the timewait objects, and of the bind buckets of their ports and (port, address) pairs."""
    rows = sockets.is_time_wait
    ports = sockets.lport[rows]
    pairs = distinct(fused((sockets.local[rows], sockets.addresses.bits), (ports, 16)))
    distinct_ports = int(np.count_nonzero(np.bincount(ports)))
    return TIMEWAIT_BYTES * len(ports) + BIND_BUCKET_BYTES * (distinct_ports + len(pairs))


def ehash_load(snapshot: Snapshot) -> float | None:
    """Sockets of this namespace per bucket of the kernel's hash of connections; None where a figure is missing."""
    held, used, entries = snapshot.gauges.get("tw"), snapshot.gauges.get("inuse"), snapshot.limits.ehash_entries
    return None if held is None or used is None or not entries else (held + used) / entries


def accept_queue(sockets: Sockets) -> float | None:
    """The share of the fullest accept queue that is in use, 0 to 1; None without a listener whose backlog is known.

    The `rqueue` of a LISTEN socket is the length of its queue, and `wqueue` is its backlog (tcp_diag_get_info). A
    backlog of 0 still holds one connection, because sk_acceptq_is_full compares by >.
    """
    rows = (sockets.state == TcpState.LISTEN) & (sockets.wqueue != UNKNOWN_QUEUE)
    if not rows.any():
        return None
    return float((sockets.rqueue[rows] / (sockets.wqueue[rows].astype(np.int64) + 1)).max())
