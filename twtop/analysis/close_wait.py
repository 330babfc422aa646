"""CLOSE_WAIT that stay: the peer has closed, and the application still holds its descriptor.

Every connection that the peer closes first passes through CLOSE_WAIT, and a busy server always has some. What tells a
leak is that the very same ones are there some seconds later.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.destinations import Destinations, Names
from twtop.model import Sockets, TcpState

PATIENCE_S = 3
"""An application that has not closed within this time is not about to."""

HOLDERS = (TcpState.ESTABLISHED, TcpState.SYN_SENT, TcpState.CLOSE_WAIT, TcpState.LISTEN, TcpState.CLOSE)
"""States whose sockets have a descriptor. Others have one only after shutdown(): mostly close() left them behind, the
peer of a leak in FIN_WAIT2 as well."""


class Unclosed:
    """Remembers the CLOSE_WAIT of the last seconds' dumps."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, NDArray[np.uint64]]] = deque()

    def count(self, mono: float, sockets: Sockets, destinations: Destinations, names: Names) -> int:
        """How many CLOSE_WAIT of this dump were there some seconds before, or in the first dump of all.

        `names` are those of `destinations`. All of them where there was no dump before.
        """
        rows = np.flatnonzero(sockets.state == TcpState.CLOSE_WAIT)
        ports = sockets.lport[rows].astype(np.uint64) << np.uint64(16) | sockets.rport[rows]
        now = names[destinations.code[rows]] + ports
        while len(self._kept) > 1 and self._kept[1][0] <= mono - PATIENCE_S:
            self._kept.popleft()
        before = self._kept[0][1] if self._kept else now
        self._kept.append((mono, now))
        return int(np.count_nonzero(np.isin(now, before)))


def holders(sockets: Sockets) -> int:
    """Sockets that have a descriptor."""
    return int(np.count_nonzero(np.isin(sockets.state, HOLDERS)))
