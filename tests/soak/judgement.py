"""What was noted down, and whether it is flat."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.soak.terminal import Gap, Holding

LATE_S = 2.0
"""No frame may come later after the one before, time without a CPU not counted."""

GROWTH, JUDGED_S = 1.05, 900
"""How much more memory is flat. A shorter run says nothing about it, as much is loaded at its first use."""

SETTLED = 0.25
"""The last tenth is compared with the second quarter. Until then the heap grows with every first use: of a size of the
terminal, a dialog, a plot. What leaks goes on."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What the monitor held at a moment in which the user did nothing, in seconds from the start."""

    at: float
    holding: Holding


@dataclass(frozen=True, slots=True)
class Line:
    """One question, its answer in words, and whether it is as it must be."""

    text: str
    good: bool


def judge(noted: Sequence[Noted], gaps: Sequence[Gap], seconds: float) -> Iterator[Line]:
    """Whether what was noted in a run of so many seconds is flat, and whether no frame was late."""
    begin = SETTLED * seconds
    settled = [each.holding for each in noted if begin <= each.at <= 2 * begin]
    last = [each.holding for each in noted if each.at >= 0.9 * seconds]
    if not settled or not last:
        yield Line("too short a run: nothing was noted in its second quarter or its last tenth", False)
        return
    for name, of in _COUNTS.items():  # the least, since a reading opens files for a moment
        before, after = ({of(each) for each in part} for part in (settled, last))
        yield Line(f"{name}: {_range(before)}, at the end {_range(after)}", min(after) <= min(before))
    before_mb, after_mb = (statistics.median(each.resident for each in part) / 1e6 for part in (settled, last))
    growth = f"{100 * (after_mb / before_mb - 1):+.1f} %"
    flat = after_mb <= GROWTH * before_mb or seconds < JUDGED_S
    yield Line(f"memory: {before_mb:.1f} MB, at the end {after_mb:.1f} MB ({growth})", flat)
    yield _frames(gaps)


def _frames(gaps: Sequence[Gap]) -> Line:
    if len(gaps) < 2:
        return Line("no frames", False)
    latest = max(gaps, key=lambda gap: gap.own_s)
    spans = [gap.seconds for gap in gaps]
    late = sum(gap.own_s > LATE_S for gap in gaps)
    return Line(
        f"frames: {len(gaps):,}, one after {statistics.median(spans):.2f} s, 99 % within"
        f" {statistics.quantiles(spans, n=100)[-1]:.2f} s, the latest after {latest.seconds:.2f} s, of which"
        f" {latest.waited_s:.2f} s without a CPU; {late} late",
        not late,
    )


_COUNTS: dict[str, Callable[[Holding], int]] = {
    "file descriptors": lambda holding: holding.files,
    "threads": lambda holding: holding.threads,
}


def _range(values: set[int]) -> str:
    return str(min(values)) if len(values) == 1 else f"{min(values)} to {max(values)}"
