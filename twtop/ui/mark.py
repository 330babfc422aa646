"""A mark that a user sets while a load runs: when, what for, and how things stood."""

from dataclasses import dataclass

import numpy as np

from twtop import formatting as fmt
from twtop.frame.frame import Frame
from twtop.model import TcpState

MOST = 100


LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Mark:
    """`mono` and `time` are the frame's clocks; the figures are of the namespace, whatever is filtered.

    `ports` is the budget nearest to its end, "" where no port is held.
    """

    mono: float
    time: float
    label: str
    time_wait: int
    established: int
    entered_per_s: float | None
    left_per_s: float | None
    ports: str


def mark_of(frame: Frame, label: str = "") -> Mark:
    """How things stand in this frame."""
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


def clock(mark: Mark) -> str:
    return fmt.clock(mark.time)
