"""CLOSE_WAIT that stay: the peer has closed, but the application still holds its descriptor.

Every connection that the peer closes first passes through CLOSE_WAIT, so a busy server always has some. A leak shows
when the very same ones are there some seconds later.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from twtop.dump.reading import Reading
from twtop.model import Sockets, TcpState

PATIENCE_S = 3
"""An application that has not closed within this time is taken for one that does not close."""

HOLDERS = (TcpState.ESTABLISHED, TcpState.SYN_SENT, TcpState.CLOSE_WAIT, TcpState.LISTEN, TcpState.CLOSE)
"""States in which a socket has a descriptor. In any other state it has one only after shutdown(). Most sockets in other
states have been closed; the other end of a leak, in FIN_WAIT2, is one of these."""


class CloseWaitWatch:
    """Remembers the CLOSE_WAIT of the last seconds."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, NDArray[np.uint64]]] = deque()

    def count_staying(self, reading: Reading) -> int:
        """How many CLOSE_WAIT of this reading existed PATIENCE_S before, or in the first reading if that is later.

        In the first reading all of them count.
        """
        sockets, mono = reading.snapshot.sockets, reading.snapshot.dumped
        rows = sockets.in_state(TcpState.CLOSE_WAIT)
        ports = sockets.lport[rows].astype(np.uint64) << np.uint64(16) | sockets.rport[rows]
        now = reading.names[reading.destinations.code[rows]] + ports
        while len(self._kept) > 1 and self._kept[1][0] <= mono - PATIENCE_S:
            self._kept.popleft()
        before = self._kept[0][1] if self._kept else now
        self._kept.append((mono, now))
        return int(np.count_nonzero(np.isin(now, before)))


def count_holders(sockets: Sockets) -> int:
    """How many sockets have a descriptor."""
    return int(np.count_nonzero(np.isin(sockets.state, HOLDERS)))
