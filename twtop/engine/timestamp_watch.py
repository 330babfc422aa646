"""When the kernel is asked for the options of live connections, which tell the peers' timestamps."""

import math

import numpy as np

from twtop.analysis.analysis import Analysis

FEW = 2000
"""So many live connections take 1 ms more to read and decode with their options: little beside any dump."""

UNCLEAR_S, KNOWN_S = 10.0, 60.0
"""Seconds between two requests while a peer's timestamps are unknown, and once they are known of all."""


class TimestampWatch:
    """Decides dump by dump. The first one asks, so that a single reading can know.

    Only where connect() may take over the TIME_WAIT of other machines (tcp_tw_reuse is 1) does it matter at all. Then a
    dump with few live connections asks as long as something is unclear, and one with many asks now and then: 18,000
    of them take 9 ms more, beside 64 ms for a dump that has 60,000 TIME_WAIT too.
    """

    def __init__(self) -> None:
        self.wanted = True
        self._asked = -math.inf

    def observe(self, analysis: Analysis, asked: bool) -> None:
        """Take note of a dump, and of whether it was `asked` for options; decide `wanted` for the next one."""
        snapshot, reuse = analysis.snapshot, analysis.reading.reuse
        if asked:
            self._asked = snapshot.dumped
        live = snapshot.sockets.is_connection & ~snapshot.sockets.is_timewait_object
        unclear, rest_s = bool((reuse.by_peer & reuse.unclear).any()), snapshot.mono - self._asked
        if unclear and np.count_nonzero(live) <= FEW:
            self.wanted = True
        else:
            self.wanted = bool(reuse.by_peer.any()) and rest_s >= (UNCLEAR_S if unclear else KNOWN_S)
