"""connect() calls that found no free port, as counted: the type that a Snapshot has of them."""

import numpy as np
from numpy.typing import NDArray

from twtop.records import dataclass

TENTHS = 10
"""Ticks of `FailedConnects.tenth` in a second."""


@dataclass(frozen=True, slots=True, eq=False)
class FailedConnects:
    """The connect() calls that failed with EADDRNOTAVAIL since the last snapshot, and whose socket was closed since.

    One socket counts once, however often its connect() was tried; a failure counts when the socket is freed.

    - `since` is when counting began and `until` when these were drained: seconds of the monotonic clock.
    - The columns are (rows,), a row for each remote address, device and tenth of a second in which something failed.
      `hi` and `lo` are the address as in model.Addresses. `device` is the interface that the socket was bound to, 0 for
      none. `tenth` is when it was drained, in whole tenths of a second of the clock of `until`. `count` is how many.
    - `lost` is how many failures came too fast to keep their address. Among them may be connect() calls of IPv6 sockets
      that found no route. `at_least` says that there are such, or may be where the kernel does not tell how many.
    """

    since: float
    until: float
    hi: NDArray[np.uint64]
    lo: NDArray[np.uint64]
    device: NDArray[np.uint32]
    tenth: NDArray[np.int64]
    count: NDArray[np.int64]
    lost: int = 0
    at_least: bool = False

    def __post_init__(self) -> None:
        for column in (self.hi, self.lo, self.device, self.tenth, self.count):
            column.setflags(write=False)

    @property
    def total(self) -> int:
        """All failures since the last snapshot whose address is known."""
        return int(self.count.sum())
