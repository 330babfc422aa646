"""Names from outside as text that is safe to show, and how many terminal cells a text takes."""

import unicodedata


def cells(text: str) -> int:
    """How many terminal cells a printable text takes: two for a wide character, none for a combining mark.

    >>> cells("abc"), cells("日本"), cells("e\u0301")
    (3, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


def padded(text: str, width: int) -> str:
    """The text with spaces to its right, up to this many cells.

    >>> padded("日本", 5) + "|"
    '日本 |'
    """
    return text + " " * (width - cells(text))


def printable(name: str, width: int = 64) -> str:
    """A name from outside with control characters, escapes and direction marks made visible, cut to `width` cells.

    >>> printable('a\x1b[2Jb'), printable("日本語", 5)
    ('a␛[2Jb', '日本…')
    """
    most = 2 * width  # characters: combining marks take no cell, but must not pile up without end
    shown = "".join(map(_harmless, name[: most + 1]))
    if len(shown) <= most and cells(shown) <= width:
        return shown
    kept, room = 0, width - 1
    while kept < most - 1 and (room := room - _width(shown[kept])) >= 0:
        kept += 1
    return shown[:kept] + "…"


def harmless(text: str) -> str:
    r"""A text of any length with control characters, escapes and direction marks made visible.

    >>> harmless("▓▓ 83 %"), harmless("a\x1b[2Jb\n")
    ('▓▓ 83 %', 'a␛[2Jb␊')
    """
    return text if text.isprintable() else "".join(map(_harmless, text))


def _width(character: str) -> int:
    """Cells of one character, by Unicode Standard Annex #11."""
    if unicodedata.category(character) in ("Mn", "Mc", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _harmless(character: str) -> str:
    """A control character as its picture (U+2400 to U+241F), any other that is not to be shown as U+FFFD."""
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)
    return "�" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else character
