"""The kernel's bind buckets: what it keeps for each port in use, and for each pair of a port and a local address."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Keys, distinct, factorize, fused
from twtop.model import PORTS, Rows, Sockets
from twtop.records import dataclass
from twtop.table.turnover import Turnover


@dataclass(frozen=True, slots=True)
class BindBuckets:
    """How many `ports` the TIME_WAIT of a table have, and how many `pairs` of a port and a local address."""

    ports: int
    pairs: int


def bind_buckets(sockets: Sockets, before: BindBuckets | None = None, changed: Turnover | None = None) -> BindBuckets:
    """Those of these sockets. `before` are those of the table before, and `changed` what came and went since.

    What came or went changes a number if nothing that stayed has the same port, or the same pair.
    """
    if before is None or changed is None or not sockets.addresses.begin_with(changed.then.addresses):
        waits = sockets.is_time_wait
        return BindBuckets(_count(sockets.lport[waits]), len(distinct(_pairs(sockets, np.flatnonzero(waits)))))
    then = changed.then
    came = changed.came[sockets.is_time_wait[changed.came]]
    gone = changed.gone[then.is_time_wait[changed.gone]]
    touched = np.zeros(PORTS, np.bool_)
    touched[sockets.lport[came]] = touched[then.lport[gone]] = True
    may_share = touched.take(sockets.lport) & sockets.is_time_wait
    may_share[came] = False
    stayed = np.flatnonzero(may_share)
    tables = (sockets, came), (then, gone), (sockets, stayed)
    more_ports, fewer_ports = _new([table.lport[rows].astype(np.intp) for table, rows in tables], PORTS)
    number, examples = factorize(np.concatenate([_pairs(table, rows) for table, rows in tables]))
    more, fewer = _new(np.split(number, np.cumsum([len(came), len(gone)])), len(examples))
    return BindBuckets(before.ports + more_ports - fewer_ports, before.pairs + more - fewer)


def _new(numbers: Sequence[Rows], size: int) -> tuple[int, int]:
    """How many different numbers, below `size`, came and went that none which stayed has."""
    came, gone, stayed = np.zeros((3, size), np.bool_)
    for mask, each in zip((came, gone, stayed), numbers, strict=True):
        mask[each] = True
    return int(np.count_nonzero(came & ~stayed)), int(np.count_nonzero(gone & ~stayed))


def _count(ports: NDArray[np.uint16]) -> int:
    """How many different ports these are."""
    mask = np.zeros(PORTS, np.bool_)
    mask[ports] = True
    return int(np.count_nonzero(mask))


def _pairs(sockets: Sockets, rows: Rows) -> Keys:
    """A key for the local address and port of each of these sockets."""
    return fused((sockets.local[rows], 32), (sockets.lport[rows], 16))
