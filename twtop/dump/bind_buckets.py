"""The kernel's bind buckets: what it keeps for each port in use, and for each pair of a port and a local address."""

from dataclasses import dataclass

import numpy as np

from twtop.arrays import Keys, among, distinct, fused
from twtop.dump.local_ends import LocalEnds
from twtop.model import PORTS, Mask, Rows, Sockets
from twtop.table.turnover import Turnover


@dataclass(frozen=True, slots=True)
class BindBuckets:
    """How many `ports` the TIME_WAIT of a table have, and how many `pairs` of a port and a local address."""

    ports: int
    pairs: int


def bind_buckets(
    sockets: Sockets, ends: LocalEnds, before: BindBuckets | None = None, changed: Turnover | None = None
) -> BindBuckets:
    """Those of these sockets, which have these ends. `before` are those of the table before, and `changed` what came
    and went since."""
    waiting = ends.per_port - np.bincount(sockets.lport[sockets.others], minlength=PORTS)
    ports = int(np.count_nonzero(waiting))
    if before is None or changed is None or not sockets.addresses.begin_with(changed.then.addresses):
        return BindBuckets(ports, len(distinct(_keys(sockets, sockets.is_time_wait))))
    then, came, gone = changed
    came, gone = came[sockets.is_time_wait[came]], gone[then.is_time_wait[gone]]
    touched = np.zeros(PORTS, np.bool_)
    touched[sockets.lport[came]] = touched[then.lport[gone]] = True
    may_share = touched.take(sockets.lport) & sockets.is_time_wait
    may_share[came] = False
    stayed = distinct(_keys(sockets, np.flatnonzero(may_share)))
    more, fewer = (
        np.count_nonzero(~among(distinct(each), stayed)) for each in (_keys(sockets, came), _keys(then, gone))
    )
    return BindBuckets(ports, before.pairs + int(more) - int(fewer))


def _keys(sockets: Sockets, rows: Rows | Mask) -> Keys:
    """A key for the local address and port of each of these sockets."""
    return fused((sockets.local[rows], 32), (sockets.lport[rows], 16))
