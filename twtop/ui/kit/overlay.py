"""Text and vertical lines over lines that are drawn already."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from twtop.columns.tones import Line, Span, Tone, aligned, merged
from twtop.sanitize import cells

UPRIGHT = "│"
LABEL_ROWS = 3
"""Labels stand in the uppermost rows. Further down they would hide the curves."""


def over(line: Line, x: int, text: str, tone: Tone) -> Line:
    """The line, with this text over it from cell `x` on.

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
    """The lines, with a vertical line and a label at each mark: (cell, label), in ascending order of cells.

    The last line, which has the axis, stays as it is. A label stands beside its vertical line, within the cells `room`,
    and never over another label. It avoids other vertical lines too, also those that are drawn already in the cells
    `across`. The uppermost free row is taken, and in it the right side first. The last mark chooses first. A label that
    fits nowhere is cut and ends in “…”.
    """
    drawn = list(lines)
    for x, _ in marks:
        for row in range(len(drawn) - 1):
            drawn[row] = over(drawn[row], x, UPRIGHT, Tone.TITLE)
    columns = {*across, *(x for x, _ in marks)}
    labels: list[set[int]] = [set() for _ in drawn[:-1][:LABEL_ROWS]]
    for x, label in reversed(marks):
        width = cells(label)
        free = [(row, span) for row, span in _beside(x, room, labels, columns) if span]
        if not width or not free:
            continue
        most = min(width, max(len(span) for _, span in free))
        row, span = next((row, sorted(span[:most])) for row, span in free if len(span) >= most)
        shown = "".join(text for text, _ in aligned(((label, Tone.TITLE),), most))
        drawn[row] = over(drawn[row], span[0], shown, Tone.TITLE)
        labels[row] |= {span[0] - 1, *span, span[-1] + 1}
    return tuple(drawn)


def _beside(x: int, room: range, labels: Sequence[set[int]], columns: set[int]) -> Iterator[tuple[int, list[int]]]:
    """(row, free cells outward from `x`) wherever the label of the line at `x` may stand, the best first.

    `labels` are the taken cells of each row; `columns` are the cells of vertical lines.
    """
    for lines in (columns, set[int]()):
        for row, taken in enumerate(labels):
            for side in (range(x + 1, room.stop), range(x - 1, room.start - 1, -1)):
                blocked = taken | lines
                yield row, list(takewhile(lambda cell, blocked=blocked: cell not in blocked, side))  # type: ignore[misc]
