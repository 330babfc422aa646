"""Lines of the screen: which cells changed, and how parts share the width of one line."""

from collections.abc import Sequence

from twtop.columns.tones import Line, Span, Tone, aligned, width_of
from twtop.records import dataclass
from twtop.sanitize import cells


def changed_cells(before: Line, now: Line) -> tuple[int, int]:
    """The range of cells, (first, last + 1), in which two lines of the same width differ.

    >>> plain = Tone.PLAIN
    >>> changed_cells((("ab", plain), ("1", plain), ("z", plain)), (("ab", plain), ("2", plain), ("z", plain)))
    (2, 3)
    """
    shorter = min(len(before), len(now))
    same = next((i for i in range(shorter) if before[i] != now[i]), shorter)
    tail = 0
    while tail < shorter - same and before[-1 - tail] == now[-1 - tail]:
        tail += 1
    end = max(width_of(line) for line in (before, now))
    return width_of(now[:same]), end - width_of(now[len(now) - tail :])


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a line. Where room is short, parts of low priority are left out first. `tip` is its tooltip."""

    line: Line
    priority: int = 0
    tip: str = ""


GAP = ("  ", Tone.PLAIN)


def fit(parts: Sequence[Part], width: int, gap: Span = GAP) -> Line:
    """The parts that fit into `width` cells, in their order. A single part that is too wide is cut.

    >>> fit([Part((("ab", Tone.PLAIN),), 1), Part((("cdef", Tone.PLAIN),), 2)], 5)
    (('cdef', <Tone.PLAIN: 'plain'>),)
    """
    kept = _kept(parts, width, gap)
    if len(kept) == 1 and width_of(kept[0].line) > width:
        return aligned(kept[0].line, width)
    line: list[Span] = []
    for part in kept:
        line += [gap, *part.line] if line else part.line
    return tuple(line)


def part_at(x: int, parts: Sequence[Part], width: int, gap: Span = GAP) -> Part | None:
    """The part that `fit` puts into cell `x`, None for a gap."""
    start = 0
    for part in _kept(parts, width, gap):
        end = start + width_of(part.line)
        if start <= x < end:
            return part
        start = end + cells(gap[0])
    return None


def _kept(parts: Sequence[Part], width: int, gap: Span) -> list[Part]:
    kept = list(parts)
    while len(kept) > 1 and sum(width_of(part.line) for part in kept) + cells(gap[0]) * (len(kept) - 1) > width:
        del kept[min(range(len(kept)), key=lambda i: (kept[i].priority, -i))]
    return kept


def spread(left: Line, right: Line, width: int) -> Line:
    """A line of `width` cells with one text at its left end and one at its right end."""
    gap = max(1, width - width_of(left) - width_of(right))
    return (*left, (" " * gap, Tone.PLAIN), *right)
