"""The whole screen in ASCII, for terminals without Unicode: a filter over all painted lines."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from twtop.sanitize import cells

DOTS = " .:-=+*##"
"""What stands for a braille cell, by the number of its dots."""

TABLE = {
    **{ord(glyph): "-" for glyph in "─╌┄┈╴╶–—−▁▔"},
    **{ord(glyph): "|" for glyph in "│┃║┆▏▎▕▌▐"},
    **{ord("╎"): ":", ord("━"): "=", ord("═"): "=", ord("✓"): "+", ord("µ"): "u"},
    **{ord(glyph): "+" for glyph in "╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛"},
    **{ord(glyph): level for glyph, level in zip("▂▃▄▅▆▇", ".:-=+*", strict=True)},
    **{ord("█"): "#", ord("▓"): "=", ord("▒"): "~", ord("░"): ".", ord("×"): "x"},
    **{ord("▲"): "!", ord("△"): "^", ord("▾"): "v", ord("▸"): ">", ord("●"): "*", ord("⏸"): "="},
    **{ord("✖"): "x", ord("…"): "~", ord("·"): ".", ord("→"): ">", ord("↑"): "^", ord("↓"): "v", ord("⏎"): "<"},
    **{ord("≤"): "<", ord("≥"): ">"},
    **{ord("“"): '"', ord("”"): '"', ord("⭘"): "o", ord("🔎"): "/ ", ord("\N{NO-BREAK SPACE}"): " "},
    **{0x2800 + dots: DOTS[dots.bit_count()] for dots in range(256)},
}


def in_ascii(text: str) -> str:
    """The text in ASCII, in as many cells. A character without a counterpart becomes “?”.

    >>> in_ascii("█▓▒░ 10 ⣿⡀ 漢")
    '#=~. 10 #. ??'
    """
    if text.isascii():
        return text
    counterpart = text.translate(TABLE)
    return "".join(each if each.isascii() else "?" * cells(each) for each in counterpart)


class AsciiFilter(LineFilter):
    """Textual calls `apply` for every painted line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]
