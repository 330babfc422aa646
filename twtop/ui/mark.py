"""A mark: a moment that the user notes while a load runs, and the key figures of that moment."""

import numpy as np

from twtop import formatting as fmt
from twtop.frame.frame import Frame
from twtop.model import TcpState
from twtop.records import dataclass

LONGEST_LABEL = 40
"""Characters."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Seconds on the frame's two clocks, `mono` and `time`, and figures of the whole network namespace, unfiltered.

    Rates are per second, None if unknown. `ports` names the bottleneck, the port budget nearest to its end, and its
    pressure; it is empty while no port is in use.
    """

    mono: float
    time: float
    label: str
    time_wait: int
    established: int
    entered_per_s: float | None
    left_per_s: float | None
    ports: str

    @property
    def clock(self) -> str:
        """The time of day."""
        return fmt.clock(self.time)


def mark_of(frame: Frame, label: str = "") -> Mark:
    """A mark of this frame's moment."""
    total, sockets = frame.total, frame.snapshot.sockets
    worst = frame.analysis.bottleneck
    return Mark(
        mono=frame.snapshot.mono,
        time=frame.snapshot.time,
        label=label,
        time_wait=total.count,
        established=int(np.count_nonzero(sockets.state == TcpState.ESTABLISHED)),
        entered_per_s=total.entered_per_s,
        left_per_s=total.left_per_s,
        ports=f"{fmt.percent(worst.pressure):>5} {worst.name}" if worst else "",
    )
