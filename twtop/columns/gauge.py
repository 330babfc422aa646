"""The port gauge: live, TIME_WAIT, reusable and free ports as one bar, with ticks at the cliff and at its peak."""

import math

from twtop.columns.tones import Line, Tone, merged
from twtop.frame.groups import Groups
from twtop.model import Direction

TICK, PEAK = "│", "╎"
BLOCKS = {Tone.LIVE: "█", Tone.TIME_WAIT: "▓", Tone.REUSABLE: "▒", Tone.FREE: "░"}


def gauge(groups: Groups, destination: int, width: int, peak: float = math.nan) -> Line:
    """The budget of one destination in `width` cells; nothing for one without a known capacity.

    `peak` is the highest pressure so far; its tick stands where the bar ended then, once the bar is shorter.
    """
    budget = groups.budgets
    capacity = float(budget.capacity[destination])
    if math.isnan(capacity) or capacity <= 0 or width < 3:
        return ()
    reusable = 0.0 if math.isnan(budget.reusable[destination]) else float(budget.reusable[destination])
    waiting = float(budget.ending[destination])
    if groups.destinations.direction[destination] == Direction.INBOUND:
        waiting, reusable = 0.0, waiting
    else:
        waiting -= reusable
    live = float(budget.used[destination]) - waiting - reusable
    tones = bar((live, Tone.LIVE), (waiting, Tone.TIME_WAIT), (reusable, Tone.REUSABLE), total=capacity, width=width)
    spans = [(BLOCKS[tone], tone) for tone in tones]
    if groups.destinations.direction[destination] == Direction.OUTBOUND:
        spans[width // 2] = (TICK, Tone.STRONG)
    held = _filled(peak, width)
    if held > _filled(float(budget.pressure[destination]), width) and tones[held - 1] in (Tone.REUSABLE, Tone.FREE):
        spans[held - 1] = (PEAK, Tone.STRONG)
    return merged(spans)


def _filled(share: float, width: int) -> int:
    """The cells that a share of the whole fills, rounded but never to none; 0 for an unknown share.

    >>> [_filled(share, 10) for share in (0, 0.01, 0.54, 0.56, 2, math.nan)]
    [0, 1, 5, 6, 10, 0]
    """
    return max(round(min(share, 1.0) * width), 1) if share > 0 else 0


def bar(*shares: tuple[float, Tone], total: float, width: int) -> list[Tone]:
    """A tone per cell: each share rounded but never to nothing, the rest free.

    >>> [tone.value for tone in bar((1, Tone.LIVE), (50, Tone.TIME_WAIT), total=100, width=4)]
    ['live', 'time-wait', 'free', 'free']
    """
    cells: list[Tone] = []
    reached = 0.0
    for share, tone in shares:
        reached += share
        end = max(_filled(reached / total, width), len(cells) + (share > 0))
        cells += [tone] * (min(end, width) - len(cells))
    return cells + [Tone.FREE] * (width - len(cells))
