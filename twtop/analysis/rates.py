"""How fast each destination takes ports: from the timers of one dump, and from what it had in the dumps before.

A port is taken by every connection that entered TIME_WAIT since an earlier moment, and by every one more that is not in
TIME_WAIT than there was at that moment. The timers count the former exactly, the earlier dump knows the latter: no
socket needs to be found again. What comes and goes without a TIME_WAIT, as where the other side closes, cancels out, as
it does in the budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from twtop.analysis.destinations import Names
from twtop.analysis.recent_dumps import LONG_S, DumpSummary
from twtop.model import Codes, Floats, Mask, freeze

SHORT_S = 3
"""Rates are means over the long span, so that they do not flicker; over this one where the two disagree."""

CHANGED_SIGMAS, TREND_SIGMAS = 2, 3
"""How far beyond chance, in standard deviations of a count, two spans disagree, or connections grow for good."""


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


def measure(code: Codes, age_ms: Codes, mono: float, names: Names, count: Floats, past: Sequence[DumpSummary]) -> Rates:
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
        return closing, (count - before.of(before.live, names)) / (mono - before.mono)

    (closing, growth), (closing_now, growth_now) = over(LONG_S), over(SHORT_S)
    changed = disagree(closing + growth, closing_now + growth_now)
    growth = np.where(changed, growth_now, growth)
    before = past[0].of(past[0].live, names) if past else count
    certain = np.abs(count - before) > TREND_SIGMAS * np.sqrt(count + before)
    return Rates(np.where(changed, closing_now, closing), growth, np.where(certain, growth, 0.0))


def disagree(long_per_s: Floats, short_per_s: Floats) -> Mask:
    """Where the rate over the short span differs from that over the long one by more than chance."""
    expected, seen = long_per_s * SHORT_S, short_per_s * SHORT_S
    return np.abs(seen - expected) > CHANGED_SIGMAS * np.sqrt(np.maximum(expected, 1.0))
