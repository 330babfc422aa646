"""Text laid over painted lines, cell by cell."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from twtop.columns.tones import Line, Span, Tone, aligned, merged
from twtop.sanitize import cells

UPRIGHT = "│"
LABEL_ROWS = 3
"""Labels stand in the uppermost rows: further down they would hide what is drawn."""


def over(line: Line, x: int, text: str, tone: Tone) -> Line:
    """The line with this text from cell `x` on.

    >>> over((("abcdef", Tone.PLAIN),), 2, "X", Tone.KEY)
    (('ab', <Tone.PLAIN: 'plain'>), ('X', <Tone.KEY: 'key'>), ('def', <Tone.PLAIN: 'plain'>))
    """
    drawn: list[Span] = []
    for part, look in line:
        for character in part:
            drawn += [(character, look), *[("", look)] * (cells(character) - 1)]
    end = x + cells(text)
    if x > 0 and drawn[x : x + 1] and not drawn[x][0]:
        drawn[x - 1] = (" ", drawn[x - 1][1])  # the first half of a wide character
    while end < len(drawn) and not drawn[end][0]:
        drawn[end] = (" ", drawn[end][1])
    return merged([*drawn[:x], (text, tone), *drawn[end:]])


def uprights(
    lines: Sequence[Line], marks: Sequence[tuple[int, str]], room: range, across: Iterable[int] = ()
) -> tuple[Line, ...]:
    """A vertical line in each of these cells, ascending, over all lines but the last, which has the axis.

    Each label stands beside its line and within `room`, never over another label: as far up as it fits, on the right if
    it can, and rather between the lines, also those in the cells `across` that are drawn already, than over one. The
    last mark chooses first. A label that fits nowhere ends in …
    """
    drawn = list(lines)
    for x, _ in marks:
        for row in range(len(drawn) - 1):
            drawn[row] = over(drawn[row], x, UPRIGHT, Tone.TITLE)
    columns = {*across, *(x for x, _ in marks)}
    labels: list[set[int]] = [set() for _ in drawn[:-1][:LABEL_ROWS]]
    for x, label in reversed(marks):
        width = cells(label)
        free = [(row, place) for row, place in _beside(x, room, labels, columns) if place]
        if not width or not free:
            continue
        most = min(width, max(len(place) for _, place in free))
        row, place = next((row, sorted(place[:most])) for row, place in free if len(place) >= most)
        shown = "".join(text for text, _ in aligned(((label, Tone.TITLE),), most))
        drawn[row] = over(drawn[row], place[0], shown, Tone.TITLE)
        labels[row] |= {place[0] - 1, *place, place[-1] + 1}
    return tuple(drawn)


def _beside(x: int, room: range, labels: Sequence[set[int]], columns: set[int]) -> Iterator[tuple[int, list[int]]]:
    """(row, free cells away from `x`) of each place for its label, the best first."""
    for lines in (columns, set[int]()):
        for row, taken in enumerate(labels):
            for side in (range(x + 1, room.stop), range(x - 1, room.start - 1, -1)):
                blocked = taken | lines
                yield row, list(takewhile(lambda cell, blocked=blocked: cell not in blocked, side))  # type: ignore[misc]
