"""Names from outside as text that is safe to show, and how many terminal cells a text takes."""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from functools import cache

NARROW = frozenset(map(chr, range(32, 127))) | frozenset("–−·…")
"""ASCII and the marks that twtop itself prints: one cell each. Batch output of such text alone never loads rich."""


def cells(text: str) -> int:
    """Terminal cells that a printable text takes: the one measure of width in twtop, for the screen and for batch text.

    It is rich's `cell_len`, because Textual lays out and cuts the lines of the screen by that: another measure would
    tear the panels' edges. A control character counts as one cell here, since it is shown as one (`harmless`).

    Compared with tmux 3.3 and wcwidth 0.9, character by character over Unicode: rich and wcwidth agree but for single
    regional indicators and skin tones. tmux agrees with both on combining marks, wide and ambiguous characters (one
    cell), flags, conjoining Jamo and emoji joined by ZWJ. It gives one cell to spacing marks of Indic scripts, where
    rich has none; two more to a skin tone; and one cell less to an emoji that only U+FE0F makes wide. Other terminals
    differ there in other ways.

    >>> cells("abc"), cells("日本"), cells("e\u0301")
    (3, 4, 1)
    """
    if text.isascii() or NARROW.issuperset(text):
        return len(text)
    return _rich()(text)


@cache
def _rich() -> Callable[[str], int]:
    from rich.cells import cell_len  # takes 30 ms to load, and most machines have no name that needs it

    return cell_len


def padded(text: str, width: int, right: bool = False) -> str:
    """With spaces up to this many cells; `right` puts the text at the right end.

    >>> padded("日本", 5) + "|", padded("日本", 5, right=True)
    ('日本 |', ' 日本')
    """
    gap = " " * (width - cells(text))
    return gap + text if right else text + gap


def cut(text: str, width: int) -> str:
    """The beginning of a text in exactly `width` cells, which it has at least; half a wide character is a blank.

    >>> cut("abc", 2), cut("日本", 3)
    ('ab', '日 ')
    """
    return padded(text[: _fitting(text, width)], width)


def printable(name: str, width: int = 64) -> str:
    """A name from outside with control characters, escapes and direction marks made visible, cut to `width` cells.

    >>> printable('a\x1b[2Jb'), printable("日本語", 5)
    ('a␛[2Jb', '日本…')
    """
    most = 2 * width  # marks take no cell, but must not pile up for ever
    shown = "".join(map(_harmless, name[: most + 1]))
    if len(shown) <= most and cells(shown) <= width:
        return shown
    return shown[: min(_fitting(shown, width - 1), most - 1)] + "…"


def harmless(text: str) -> str:
    r"""A text of any length without controls, escapes and direction marks; what twtop draws itself stays as it is.

    >>> harmless("▓▓ 83 %"), harmless("a\x1b[2Jb\n")
    ('▓▓ 83 %', 'a␛[2Jb␊')
    """
    return text if text.isprintable() else "".join(map(_harmless, text))


def _fitting(text: str, width: int) -> int:
    """How many characters of a text fit into `width` cells: a longer beginning is never narrower."""
    if text.isascii():
        return min(len(text), width)
    return bisect_right(range(len(text) + 1), width, key=lambda end: cells(text[:end])) - 1


def _harmless(character: str) -> str:
    """A control character as its picture (U+2400 to U+241F), any other that is not to be shown as U+FFFD."""
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)
    return "�" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else character
