"""Text in tones: what a piece of text means, and lines of an exact width. Nothing here knows a screen."""

import enum
from collections.abc import Sequence

from twtop.sanitize import cells, cut
from twtop.verdicts.verdict import Level


class Tone(enum.StrEnum):
    """What a piece of text means; twtop.tcss gives each its colour."""

    PLAIN = "plain"
    DIM = "dim"
    STRONG = "strong"
    TITLE = "title"
    TIME_WAIT = "time-wait"
    LIVE = "live"
    REUSABLE = "reusable"
    FREE = "free"
    BLOCKED = "blocked"
    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    ALARM = "alarm"
    FORECAST = "forecast"
    KEY = "key"


SIGNS = {Level.OK: "✓", Level.WARN: "△", Level.CRITICAL: "▲", Level.UNKNOWN: "?"}
"""How bad something is, for those who see no colours."""

Span = tuple[str, Tone]
Line = tuple[Span, ...]


def width_of(line: Line) -> int:
    """Cells that a line takes."""
    return sum([len(text) if text.isascii() else cells(text) for text, _ in line])


def aligned(line: Line, width: int, right: bool = False) -> Line:
    """The line in exactly `width` cells; what is cut off shows as …"""
    used = width_of(line)
    if used <= width:
        gap = (" " * (width - used), Tone.PLAIN)
        return (gap, *line) if right else (*line, gap)
    kept: list[Span] = []
    room = width - 1
    for text, tone in line:
        kept.append((cut(text, min(cells(text), room)), tone))
        room -= cells(kept[-1][0])
        if not room:
            break
    return (*kept, ("…", Tone.DIM))[: len(kept) + 1] if width > 0 else ()


def merged(spans: Sequence[Span]) -> Line:
    """Neighbours of one tone as one span."""
    line: list[Span] = []
    for text, tone in spans:
        if line and line[-1][1] is tone:
            line[-1] = (line[-1][0] + text, tone)
        else:
            line.append((text, tone))
    return tuple(line)
