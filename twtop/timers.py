"""What the TIME_WAIT timers tell: who entered in the last minute, who leaves in the next.

A TIME_WAIT lives TCP_TIMEWAIT_LEN plus what the timer wheel rounds up (kernel/time/timer.c, calc_index), so each
timer gives the moment of entry exactly and the moment of release to within the wheel's step.
"""

import numpy as np
from numpy.typing import NDArray

from twtop.model import TIMEWAIT_MS

MINUTE_S = 60
RATE_WINDOW_S = 6
"""Rates from timers are means over this long: short enough to be now, long enough not to flicker."""

Counts = NDArray[np.int64]


def wheel_step_s(timer_ms: NDArray[np.int32]) -> float:
    """g: how far the timer wheel rounds a 60 s timer up, in seconds, by the tick rate that the timers show.

    The kernel reports a timer in whole jiffies, so the common step of many timers is a jiffy; with few timers the
    usual 250 Hz is assumed. A timer of 60 s stands on wheel level 3 (step 512 jiffies), above 537 Hz on level 4.

    >>> wheel_step_s(np.array([59996, 59992, 4, 8, 1204] * 10, np.int32))
    2.048
    >>> wheel_step_s(np.array([59990, 20, 10, 330] * 10, np.int32))
    5.12
    """
    running = timer_ms[timer_ms > 0]
    jiffy_ms = int(np.gcd.reduce(running[:1000])) if len(running) >= 32 else 4
    hz = {4: 250, 10: 100, 20: 50}.get(jiffy_ms) or (1000 if _has_every_millisecond(running[:1000]) else 300)
    return (512 if hz * 60 < 63 << 9 else 4096) / hz


def _has_every_millisecond(running: NDArray[np.int32]) -> bool:
    """At 300 Hz a jiffy is 3⅓ ms and no timer ends on 1, 2, 4, 5, 7 or 8 ms past ten but through rounding."""
    return bool(np.isin(running % 10, (1, 2, 4, 5, 8, 9)).any())


def mean_life_s(step_s: float) -> float:
    """L: how long a TIME_WAIT lasts on average."""
    return TIMEWAIT_MS / 1000 + step_s / 2


def entries(age_ms: NDArray[np.int32]) -> Counts:
    """Entries into TIME_WAIT in each second of the last minute, oldest first: (60,); survivors only."""
    age = age_ms[age_ms >= 0] // 1000
    return np.bincount(np.minimum(age, MINUTE_S - 1), minlength=MINUTE_S)[::-1]


def releases(timer_ms: NDArray[np.int32], step_s: float) -> Counts:
    """TIME_WAIT released in each second of the next minute, soonest first: (60,); the last second takes the rest."""
    due = (timer_ms[timer_ms >= 0] + int(step_s * 500)) // 1000
    return np.bincount(np.minimum(due, MINUTE_S - 1), minlength=MINUTE_S)


def forecast(count: int, due: Counts, entered_per_s: float) -> NDArray[np.float64]:
    """TIME_WAIT expected at the end of each second of the next minute, if entries go on as now: (60,).

    >>> forecast(10, np.array([4, 2]), 1.0).tolist()
    [7.0, 6.0]
    """
    return count - np.cumsum(due) + entered_per_s * np.arange(1, len(due) + 1)


def rate(entered: Counts) -> float:
    """Entries per second now, from the entries of each second, oldest first."""
    return float(entered[-RATE_WINDOW_S:].sum()) / RATE_WINDOW_S
