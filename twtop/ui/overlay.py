"""Text laid over painted lines, cell by cell."""

from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len, set_cell_size

from twtop.ui.lines import Line, Span, Tone, merged

UPRIGHT = "│"


def over(line: Line, x: int, text: str, tone: Tone) -> Line:
    """The line with this text from cell `x` on.

    >>> over((("abcdef", Tone.PLAIN),), 2, "X", Tone.KEY)
    (('ab', <Tone.PLAIN: 'plain'>), ('X', <Tone.KEY: 'key'>), ('def', <Tone.PLAIN: 'plain'>))
    """
    cells: list[Span] = []
    for part, look in line:
        for character in part:
            cells += [(character, look), *[("", look)] * (cell_len(character) - 1)]
    end = x + cell_len(text)
    if x > 0 and cells[x : x + 1] and not cells[x][0]:
        cells[x - 1] = (" ", cells[x - 1][1])  # the first half of a wide character
    while end < len(cells) and not cells[end][0]:
        cells[end] = (" ", cells[end][1])
    return merged([*cells[:x], (text, tone), *cells[end:]])


def uprights(lines: Sequence[Line], marks: Sequence[tuple[int, str]], width: int) -> tuple[Line, ...]:
    """A vertical line in each of these cells, ascending, over all lines but the last, which has the axis.

    Its label stands on top beside it, as far as the next one leaves room.
    """
    drawn = list(lines)
    for (x, label), (next_x, _) in pairwise([*marks, (width, "")]):
        room = next_x - x - 1
        if label and room > 0:
            drawn[0] = over(drawn[0], x + 1, set_cell_size(label, min(cell_len(label), room)), Tone.TITLE)
        for row in range(len(drawn) - 1):
            drawn[row] = over(drawn[row], x, UPRIGHT, Tone.TITLE)
    return tuple(drawn)
