"""How fast each budget takes ports: from the timers of one dump, and from the counts of the dumps before it.

Ports taken = TIME_WAIT entries + growth of the other connections. Timers count the entries exactly. An earlier dump
knows how many other connections there were, so no socket has to be found again. A connection that ends
without a TIME_WAIT, because the other side closes first, cancels out, as it does in the budget.
"""

from dataclasses import dataclass, fields

import numpy as np

from twtop.analysis.destinations import Names
from twtop.analysis.failures import Refused
from twtop.analysis.reading import LONG_S, Reading
from twtop.model import Codes, Floats, Mask, freeze

SHORT_S = 3
"""Rates are means over LONG_S, so that they do not flicker; over SHORT_S where the two means disagree."""

CHANGED_SIGMAS, TREND_SIGMAS = 2, 3
"""From how many standard deviations of a count on two means disagree, and growth is a trend."""


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Per second, of each budget: (budgets,). `closing` are entries into TIME_WAIT. `growth` is how fast the number of
    all other connections grows. `trend` is the growth where it is more than chance, else 0.

    Only a trend may be extrapolated over more than a minute.
    """

    closing: Floats
    growth: Floats
    trend: Floats

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)))

    @property
    def new(self) -> Floats:
        """Connections opened per second, less those that end without a TIME_WAIT."""
        return np.maximum(self.closing + self.growth, 0.0)


def measure_rates(
    reading: Reading, code: Codes, age_ms: Codes, names: Names, live: Floats, failed: Refused | None = None
) -> Rates:
    """The rates of budgets at the time of a reading.

    For each socket in TIME_WAIT, `code` is its budget and `age_ms` its age, −1 for unknown. For each budget, `names` is
    its name in the recent dumps and `live` counts its connections that are not in TIME_WAIT. Without recent dumps the
    growth is 0. Each connect() that `failed` counts as one that closes: it asked for a port as the others did.
    """
    mono, recent = reading.snapshot.mono, reading.recent
    size = len(names)

    def over(span_s: int) -> tuple[Floats, Floats]:
        young = (age_ms >= 0) & (age_ms < span_s * 1000)
        closing = np.bincount(code[young], minlength=size) / span_s
        if failed is not None:
            closing += failed.per_s(span_s)
        old = (summary for summary in reversed(recent) if mono - summary.mono >= span_s)
        before = next(old, recent[0] if recent else None)
        if before is None:
            return closing, np.zeros(size)
        return closing, (live - before.of(before.live, names)) / (mono - before.mono)

    (closing, growth), (closing_now, growth_now) = over(LONG_S), over(SHORT_S)
    changed = disagree(closing + growth, closing_now + growth_now)
    growth = np.where(changed, growth_now, growth)
    first = recent[0].of(recent[0].live, names) if recent else live
    certain = np.abs(live - first) > TREND_SIGMAS * np.sqrt(live + first)
    return Rates(np.where(changed, closing_now, closing), growth, np.where(certain, growth, 0.0))


def disagree(long_per_s: Floats, short_per_s: Floats, short_s: int = SHORT_S) -> Mask:
    """Mask of the rates whose mean over the last `short_s` seconds differs from a longer one by more than chance."""
    expected, seen = long_per_s * short_s, short_per_s * short_s
    return np.abs(seen - expected) > CHANGED_SIGMAS * np.sqrt(np.maximum(expected, 1.0))
