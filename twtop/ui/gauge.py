"""The port gauge: live, TIME_WAIT, reusable and free ports as one bar, with ticks at the cliff and at its peak."""

import math

from twtop.groups import Groups
from twtop.model import Direction
from twtop.ui.lines import Line, Tone, merged

TICK, PEAK = "│", "╎"
BLOCKS = {Tone.LIVE: "█", Tone.TIME_WAIT: "▓", Tone.REUSABLE: "▒", Tone.FREE: "░"}


def gauge(groups: Groups, place: int, width: int, peak: float = math.nan) -> Line:
    """The budget of one destination in `width` cells; nothing for one without a known capacity.

    `peak` is the highest pressure so far; its tick is seen once the bar has fallen behind it.
    """
    budget = groups.budgets
    capacity = float(budget.capacity[place])
    if math.isnan(capacity) or capacity <= 0 or width < 3:
        return ()
    reusable = 0.0 if math.isnan(budget.reusable[place]) else float(budget.reusable[place])
    waiting = float(budget.time_wait[place])
    if groups.places.direction[place] == Direction.INBOUND:
        waiting, reusable = 0.0, waiting
    else:
        waiting -= reusable
    live = float(budget.used[place]) - waiting - reusable
    tones = bar((live, Tone.LIVE), (waiting, Tone.TIME_WAIT), (reusable, Tone.REUSABLE), total=capacity, width=width)
    spans = [(BLOCKS[tone], tone) for tone in tones]
    if groups.places.direction[place] == Direction.OUTBOUND:
        spans[width // 2] = (TICK, Tone.STRONG)
    held = _cell(peak, width)
    if held > _cell(float(budget.pressure[place]), width) and tones[held] in (Tone.REUSABLE, Tone.FREE):
        spans[held] = (PEAK, Tone.STRONG)
    return merged(spans)


def _cell(share: float, width: int) -> int:
    """The last cell that a share reaches into; −1 for none and for an unknown share."""
    return -1 if math.isnan(share) else math.ceil(min(share, 1.0) * width) - 1


def bar(*shares: tuple[float, Tone], total: float, width: int) -> list[Tone]:
    """A tone per cell: each share rounded but never to nothing, the rest free.

    >>> [tone.value for tone in bar((1, Tone.LIVE), (50, Tone.TIME_WAIT), total=100, width=4)]
    ['live', 'time-wait', 'free', 'free']
    """
    cells: list[Tone] = []
    reached = 0.0
    for share, tone in shares:
        reached += share
        end = max(round(reached / total * width), len(cells) + (share > 0))
        cells += [tone] * (min(end, width) - len(cells))
    return cells + [Tone.FREE] * (width - len(cells))
