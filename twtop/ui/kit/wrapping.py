"""Toned text, wrapped between words. Where something is cut, “…” says so."""

import re
from collections.abc import Iterator, Sequence

from textual.geometry import Size

from twtop.columns.tones import Line, Tone, aligned, width_of
from twtop.sanitize import cells
from twtop.ui.kit.panel import LinePanel

WORD = re.compile(r"\S+")


def wrapped(line: Line, width: int, rows: int | None = None, indent: int = 0) -> tuple[Line, ...]:
    """The line, wrapped into lines of at most `width` cells. All but the first begin with `indent` spaces.

    If there is more text than fits into `rows` lines, the last ends in “…” after a whole word.

    >>> wrapped((("full now, connect() fails", Tone.PLAIN),), 12, rows=2, indent=1)
    ((('full now,', <Tone.PLAIN: 'plain'>),), ((' ', <Tone.PLAIN: 'plain'>), ('connect()…', <Tone.PLAIN: 'plain'>)))
    """
    text = "".join(part for part, _ in line)
    words = [match.span() for match in WORD.finditer(text)]
    found: list[Line] = []
    at = 0
    while at < len(words) and (rows is None or len(found) < rows):
        start, room = (words[at][0], max(1, width - indent)) if found else (0, max(1, width))
        last = at
        while last + 1 < len(words) and cells(text[start : words[last + 1][1]]) <= room:
            last += 1
        row = _part(line, start, words[last][1])
        if rows == len(found) + 1 and last + 1 < len(words):
            while last > at and cells(text[start : words[last][1]]) >= room:
                last -= 1
            row = _part(line, start, words[last][1])
            row = (*row[:-1], (row[-1][0].rstrip(",;") + "…", row[-1][1]))
        if width_of(row) > room:  # a word longer than a line
            row = aligned(row, room)
        found.append(((" " * indent, Tone.PLAIN), *row) if found and indent else row)
        at = last + 1
    return tuple(found)


def _part(line: Line, start: int, end: int) -> Line:
    """The characters from `start` up to `end`, with their tones."""
    kept, before = [], 0
    for text, tone in line:
        piece = text[max(0, start - before) : max(0, end - before)]
        if piece:
            kept.append((piece, tone))
        before += len(text)
    return tuple(kept)


Paragraph = tuple[Line, int]
"""(line, indent of its second row and those after it); an empty line is a blank row."""


class Paragraphs(LinePanel):
    """Wrapped text, as high as the width makes it."""

    def __init__(self, paragraphs: Sequence[Paragraph]) -> None:
        super().__init__()
        self._paragraphs = tuple(paragraphs)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self.lines_for(Size(width, 0)))

    def lines_for(self, size: Size) -> Sequence[Line]:
        return tuple(self._rows(size.width))

    def _rows(self, width: int) -> Iterator[Line]:
        for line, indent in self._paragraphs:
            yield from wrapped(line, width, indent=indent) or ((),)
