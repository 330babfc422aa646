"""How fast each destination takes ports: from the timers of one dump, and from what it had in the dumps before.

A port is taken by every connection that entered TIME_WAIT since an earlier moment, and by every one more that is not in
TIME_WAIT than there was at that moment. The timers count the former exactly, the earlier dump knows the latter: no
socket needs to be found again. What comes and goes without a TIME_WAIT, as where the other side closes, cancels out, as
it does in the budget.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from twtop.destinations import Names
from twtop.model import Codes, Floats, freeze

LONG_S, SHORT_S = 10, 3
"""Rates are means over the long span, so that they do not flicker; over the short one where the two disagree."""

CHANGED_SIGMAS, TREND_SIGMAS = 2, 3
"""How far beyond chance, in standard deviations of a count, two spans disagree, or connections grow for good."""


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """What a dump leaves behind for the next ones: connections not in TIME_WAIT per destination, sorted by name."""

    mono: float
    names: Names
    count: Floats

    def __post_init__(self) -> None:
        freeze(self.names, self.count)

    def of(self, names: Names) -> Floats:
        """The counts of these destinations then; 0 for one that did not exist."""
        if not len(self.names):
            return np.zeros(len(names))
        at = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        return np.where(self.names[at] == names, self.count[at], 0.0)


def live(mono: float, names: Names, count: Floats) -> Live:
    order = np.argsort(names)
    return Live(mono, names[order], count[order])


class Past:
    """What the dumps of the last seconds left."""

    def __init__(self) -> None:
        self._kept: deque[Live] = deque()

    def before(self, mono: float) -> tuple[Live, ...]:
        """Oldest first: of the last seconds before `mono`, and the last one before those."""
        while len(self._kept) > 1 and self._kept[1].mono <= mono - LONG_S:
            self._kept.popleft()
        return tuple(each for each in self._kept if each.mono < mono)

    def keep(self, live: Live) -> None:
        self._kept.append(live)


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Per second and destination: entries into TIME_WAIT, and the growth of all other connections.

    `trend` is the growth where it is more than chance, else 0: only that may be extrapolated for long.
    """

    closing: Floats
    growth: Floats
    trend: Floats

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)))

    @property
    def new(self) -> Floats:
        """Connections that stay: opened, less those that went without a TIME_WAIT."""
        return np.maximum(self.closing + self.growth, 0.0)


def measure(code: Codes, age_ms: Codes, mono: float, names: Names, count: Floats, past: Sequence[Live]) -> Rates:
    """Rates at `mono`, per destination (names, count: connections not in TIME_WAIT); `past` is oldest first.

    `code` and `age_ms` are of the sockets in TIME_WAIT. Without a past the growth is taken to be 0.
    """
    size = len(names)

    def over(span_s: int) -> tuple[Floats, Floats]:
        recent = (age_ms >= 0) & (age_ms < span_s * 1000)
        closing = np.bincount(code[recent], minlength=size) / span_s
        before = next((each for each in reversed(past) if mono - each.mono >= span_s), past[0] if past else None)
        if before is None:
            return closing, np.zeros(size)
        return closing, (count - before.of(names)) / (mono - before.mono)

    (closing, growth), (closing_now, growth_now) = over(LONG_S), over(SHORT_S)
    expected = (closing + growth) * SHORT_S
    seen = (closing_now + growth_now) * SHORT_S
    changed = np.abs(seen - expected) > CHANGED_SIGMAS * np.sqrt(np.maximum(expected, 1.0))
    growth = np.where(changed, growth_now, growth)
    before = past[0].of(names) if past else count
    certain = np.abs(count - before) > TREND_SIGMAS * np.sqrt(count + before)
    return Rates(np.where(changed, closing_now, closing), growth, np.where(certain, growth, 0.0))
