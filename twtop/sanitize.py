"""Outside names as text that is safe to show, and how many terminal cells a text takes."""

import unicodedata


def cells(text: str) -> int:
    """Terminal cells that a printable text takes: two for a wide character, none for a mark over another.

    >>> cells("abc"), cells("日本"), cells("e\u0301")
    (3, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


def padded(text: str, width: int) -> str:
    """With spaces to the right up to this many cells.

    >>> padded("日本", 5) + "|"
    '日本 |'
    """
    return text + " " * (width - cells(text))


def printable(name: str, width: int = 64) -> str:
    """An outside name with controls, escapes and direction marks made visible, cut to `width` cells.

    >>> printable('a\x1b[2Jb'), printable("日本語", 5)
    ('a␛[2Jb', '日本…')
    """
    most = 2 * width  # marks take no cell, but they are not to pile up for ever
    shown = "".join(map(_harmless, name[: most + 1]))
    if len(shown) <= most and cells(shown) <= width:
        return shown
    kept, room = 0, width - 1
    while kept < most - 1 and (room := room - _width(shown[kept])) >= 0:
        kept += 1
    return shown[:kept] + "…"


def harmless(text: str) -> str:
    r"""The same without controls, escapes and direction marks: what is made for a screen is given back as it is.

    >>> harmless("▓▓ 83 %"), harmless("a\x1b[2Jb\n")
    ('▓▓ 83 %', 'a␛[2Jb␊')
    """
    return text if text.isprintable() else "".join(map(_harmless, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Mc", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _harmless(character: str) -> str:
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)
    return "�" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else character
