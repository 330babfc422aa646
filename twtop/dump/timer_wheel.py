"""What the timers of TIME_WAIT show: the entries of the last minute and the releases of the next.

A timer gives the moment of entry exactly: TCP_TIMEWAIT_LEN before it runs out. The socket stays longer than that,
because the kernel's timer wheel releases in bursts (calc_index in kernel/time/timer.c). A timer of 60 s is on a level
that moves once in 512 or 4096 jiffies. What has run out since the last move is released at the next one. Until then
such a socket shows no time left, and still holds its port.
"""

import math

import numpy as np
from numpy.typing import NDArray

from twtop.model import TIMEWAIT_MS, Counts, Floats, Rows
from twtop.records import dataclass

MINUTE_S = 60
TIMEWAIT_S = TIMEWAIT_MS / 1000
RATE_WINDOW_S = 6
"""Rates from timers are means over this time: short enough to be current, long enough not to flicker."""

FEW = 32
"""Of fewer timers than these the common step may be larger than a jiffy by chance."""

INITIAL_JIFFIES_S = -300
"""Jiffies begin five minutes before they wrap at 32 bits (INITIAL_JIFFIES of include/linux/jiffies.h). Every level of
the wheel moves at the wrap."""

BOOT_S, LATEST_BOOT_S = 0.2, 5.0
"""The kernel begins to count jiffies this long after CLOCK_MONOTONIC began, and so long at the most: 0 to 0.25 s on
common machines."""

UNSURE_S = 0.25
"""Within this time of a move of the wheel, that clock does not tell whether the move has happened."""

TICK_RATES = (100, 250, 300, 1000)
"""What kernel/Kconfig.hz offers."""

ROUNDING = 1e-9
"""More than rounding takes from a whole number of moves."""

JIFFIES_UNIT_S = 0.01
"""USER_HZ is 100 everywhere: jiffies are told in hundredths of a second, rounded down (jiffies_64_to_clock_t)."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """The timer wheel at the time of a dump: it releases in `next_s` seconds, and then every `step_s`."""

    step_s: float
    next_s: float

    def move(self, timer_ms: NDArray[np.int32]) -> Rows:
        """The move of the wheel at which each timer's socket is released, the first after the timer runs out: 0 for the
        next one.
        """
        moves = timer_ms * np.float64(1 / (1000 * self.step_s))
        moves += 1 - self.next_s / self.step_s + ROUNDING
        found: Rows = np.maximum(moves, 0.0, out=moves).astype(np.intp)
        return found

    def edges_ms(self) -> list[int]:
        """The ages at which a TIME_WAIT is released by an earlier move: it is older than the last edge if the next one
        releases it, and younger than the first if that is the last one.

        >>> Wheel(step_s=30.0, next_s=10.0).edges_ms()
        [20001, 50001]
        """
        last = int(self.move(np.array([TIMEWAIT_MS], np.int32))[0])
        soonest_ms = (self.next_s + self.step_s * np.arange(last) - ROUNDING) * 1000
        return [TIMEWAIT_MS + 1 - each for each in np.ceil(soonest_ms).astype(int).tolist()[::-1]]

    def until(self, moves: int) -> Floats:
        """Seconds until each of so many moves."""
        return self.next_s + self.step_s * np.arange(moves, dtype=np.float64)

    def release_s(self, timer_ms: NDArray[np.int32]) -> Floats:
        """Seconds until each timer's socket is released.

        >>> Wheel(step_s=2.0, next_s=0.5).release_s(np.array([0, 499, 500, 2499, 9000], np.int32)).tolist()
        [0.5, 0.5, 2.5, 2.5, 10.5]
        """
        move = self.move(timer_ms)
        return self.until(int(move.max(initial=0)) + 1).take(move)

    @property
    def longest_s(self) -> float:
        """After this many seconds none of the present TIME_WAIT is left."""
        return TIMEWAIT_S + self.step_s


def wheel(timer_ms: NDArray[np.int32], mono: float, unit_ms: int = 1, jiffies_s: float | None = None) -> Wheel:
    """The wheel of the kernel whose TIME_WAIT had these timers (ms) when CLOCK_MONOTONIC was at `mono` seconds, and its
    jiffies at `jiffies_s` (times(2)).

    Where these are unknown, the timers show the length of a jiffy. Those in units of more than 1 ms hide it; then the
    usual 250 Hz are assumed.

    >>> wheel(np.empty(0, np.int32), mono=300 + BOOT_S + 5 * 2.048 + 2)
    Wheel(step_s=2.048, next_s=0.048)
    >>> wheel(np.empty(0, np.int32), mono=1000.0, jiffies_s=2**32 / 250 - 300 + 999.75)
    Wheel(step_s=2.048, next_s=0.661)
    """
    told = wheel_by_jiffies(mono, jiffies_s)
    if told is not None:
        return told
    step_s = wheel_step_s(timer_ms if unit_ms == 1 else timer_ms[:0])
    since = math.fmod(mono - BOOT_S + INITIAL_JIFFIES_S, step_s) % step_s
    next_s = round(step_s - since, 3)
    if min(since, next_s) < UNSURE_S:
        next_s = _corrected_next_s(timer_ms, step_s, next_s)
    return Wheel(step_s, next_s)


def wheel_by_jiffies(mono: float, jiffies_s: float | None) -> Wheel | None:
    """The same without any timers; None where the jiffies are unknown, or do not tell the tick rate."""
    hz = None if jiffies_s is None else tick_rate(jiffies_s, mono)
    if jiffies_s is None or hz is None:
        return None
    step_s = _step_s(hz)
    return Wheel(step_s, round(step_s - math.fmod(jiffies_s + JIFFIES_UNIT_S / 2, step_s), 3))


def tick_rate(jiffies_s: float, mono: float) -> int | None:
    """HZ of the kernel whose jiffies were at `jiffies_s` when CLOCK_MONOTONIC was at `mono` seconds, None if no rate
    explains both: in a time namespace the two clocks may have begun at any time.

    Jiffies wrap at 32 bits, and the tick rate says after how many seconds.

    >>> tick_rate(2**32 / 250 + INITIAL_JIFFIES_S + 1000, mono=1000.2), tick_rate(123.0, mono=1000.2)
    (250, None)
    """
    since_boot_s = {hz: jiffies_s - 2**32 / hz - INITIAL_JIFFIES_S for hz in TICK_RATES}
    return next((hz for hz, s in since_boot_s.items() if 0 <= mono - s + JIFFIES_UNIT_S <= LATEST_BOOT_S), None)


def _corrected_next_s(timer_ms: NDArray[np.int32], step_s: float, next_s: float) -> float:
    """Close to a move, say by the timers whether the move has happened, and correct `next_s` if it says otherwise.

    Just before a move, nearly a whole step's worth of timers has run out. Just after it, nearly none has.

    >>> steady = np.arange(2000, dtype=np.int32) * 20
    >>> before, after = np.append(steady, [0] * 99), steady
    >>> [_corrected_next_s(timers, 2.0, next_s) for timers in (before, after) for next_s in (0.1, 1.9)]
    [0.1, 0.001, 2.0, 1.9]
    """
    out = int(np.count_nonzero(timer_ms == 0))
    soon = int(np.count_nonzero((timer_ms > 0) & (timer_ms <= step_s * 1000)))
    if max(out, soon) < FEW:
        return next_s
    before = 2 * out > soon
    if before == (next_s < step_s / 2):
        return next_s
    return 0.001 if before else step_s


def wheel_step_s(timer_ms: NDArray[np.int32]) -> float:
    """Seconds between two moves of the wheel level that has the timers of 60 s, by the tick rate that the timers show.

    The kernel reports a timer in whole jiffies, so the common step of many timers is a jiffy. Where there are few, or
    all are in round numbers, the usual 250 Hz are assumed. A timer of 60 s is on level 3 of the wheel, which moves
    every 512 jiffies. Above 537 Hz it is on level 4, which moves every 4096 jiffies.

    >>> wheel_step_s(np.array([59996, 59992, 4, 8, 1204] * 10, np.int32))
    2.048
    >>> wheel_step_s(np.array([59990, 20, 10, 330] * 10, np.int32))
    5.12
    """
    return _step_s(_shown_tick_rate(timer_ms[timer_ms > 0][:1000]))


def _step_s(hz: int) -> float:
    return (512 if hz * 60 < 63 << 9 else 4096) / hz


def _shown_tick_rate(running: NDArray[np.int32]) -> int:
    """HZ, from timers in ms. At 300 Hz a jiffy is 3⅓ ms, and jiffies_to_msecs drops the fraction: 0, 3, 6, 10, …"""
    jiffy_ms = int(np.gcd.reduce(running)) if len(running) >= FEW else 4
    if jiffy_ms % 4 == 0:
        return 250
    if jiffy_ms % 10 == 0:
        return 100
    return 300 if np.isin(running % 10, (0, 3, 6)).all() else 1000


def releases(by_move: Counts, wheel: Wheel) -> Counts:
    """TIME_WAIT released in each second of the next minute, soonest first: (60,). `by_move` is how many each move of
    the wheel releases, from the next one on.

    They come in bursts. What has just entered is released some seconds after that minute.

    >>> releases(np.array([0, 2, *[0] * 28, 1]), Wheel(step_s=2.0, next_s=1.5))[:4].tolist()
    [0, 0, 0, 2]
    """
    second = wheel.until(len(by_move)).astype(np.intp)
    return np.bincount(second, by_move, MINUTE_S)[:MINUTE_S].astype(np.int64)


def rate(entered: Counts | None) -> float | None:
    """Entries per second at present, from the entries in each second, oldest first; None where these are unknown."""
    return None if entered is None else float(entered[-RATE_WINDOW_S:].sum()) / RATE_WINDOW_S


def carried(counts: Counts | None, age_s: float, entered_per_s: float | None) -> Counts | None:
    """Entries or releases by second as of `age_s` ago → as of now. The seconds that are new get the given rate.

    >>> carried(np.arange(60), age_s=2.3, entered_per_s=7.0)[[0, -1]].tolist()
    [2, 7]
    """
    seconds = min(int(age_s), MINUTE_S)
    if not seconds or counts is None or entered_per_s is None:
        return counts
    return np.append(counts[seconds:], np.full(seconds, round(entered_per_s)))
