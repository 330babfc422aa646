"""How soon keys of the monitor are answered: from the press to the screen that shows its effect."""

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pyte

from tests.benchmarks.terminal import HEIGHT, WIDTH, Terminal

ESCAPE_S = 1.0
"""An Esc may be the beginning of another key for 0.1 s, and longer on a busy machine."""

ASIDE = "not counted"
"""What only leads from one row of keys to the next."""

Seen = Callable[[pyte.Screen], object]
Press = tuple[float, str, Seen]
"""(moment, name, what shows that it was answered)"""


def selected(screen: pyte.Screen) -> object:
    """The peer in the row that has another background than the rest. It stays selected while rows come and go."""
    backgrounds = [screen.buffer[y][4].bg for y in range(screen.lines)]
    usual = Counter(backgrounds).most_common(1)[0][0]
    return [screen.display[y].split()[:1] for y, each in enumerate(backgrounds) if each != usual]


def _told(pattern: str) -> Seen:
    """What of the screen matches. No figure that a tick changes may match."""
    return lambda screen: re.findall(pattern, "\n".join(screen.display))


KEYS: dict[str, tuple[list[bytes], list[bytes], Seen]] = {
    "move": ([], [b"j", b"j", b"k"], selected),
    "sort": ([], [b"s"], _told(r"\S+↓")),
    "filter": ([b"/4"], [b"4", b"\x7f"], _told(r"filter: (.+?) ─")),
    ASIDE: ([b"\x1b", b"g"], [], selected),
    "drill": ([], [b"\r"], _told(r"── [\d,]+ (sockets)\b")),
}
"""Keys of which each has an effect: once before the others, again and again; and what shows it."""


def press_all(terminal: Terminal, each: int, least_s: float, ready: Callable[[], object] = lambda: None) -> list[Press]:
    """Press every row of KEYS so many times, each key when it is `ready`, at least so many seconds apart."""
    presses: list[Press] = []
    for name, (once, again, seen) in KEYS.items():
        keys = once + [again[i % len(again)] for i in range(each - len(once)) if again]
        for i, key in enumerate(keys):
            ready()
            presses.append((terminal.press(key), name, seen))
            pause_s = max(least_s, ESCAPE_S) if name == ASIDE else least_s
            terminal.read(pause_s + 0.037 * (i % 7))  # any phase of a tick
    return presses


def answered(presses: Sequence[Press], output: Iterable[tuple[float, bytes]]) -> dict[str, list[float]]:
    """The milliseconds from each press to the screen that shows its effect, by the name of the press.

    A press that is not answered before the next one counts as infinitely late.
    """
    found: dict[str, list[float]] = {}
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    pieces = iter(output)
    piece = next(pieces, None)
    for (moment, name, seen), until in zip(presses, [p[0] for p in presses[1:]] + [math.inf], strict=True):
        while piece and piece[0] <= moment:
            stream.feed(piece[1])
            piece = next(pieces, None)
        before, late = seen(screen), math.inf
        while piece and piece[0] <= until and late == math.inf:
            stream.feed(piece[1])
            if seen(screen) != before:
                late = (piece[0] - moment) * 1000
            piece = next(pieces, None)
        found.setdefault(name, []).append(late)
    found.pop(ASIDE, None)
    return found


def at_95_percent(values: list[float]) -> float:
    """So many milliseconds or less take 95 % of them."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def median_and_95_percent(values: list[float]) -> str:
    """As a table says it."""
    shown = [
        f"{value:.0f} ms" if value < math.inf else "?" for value in (statistics.median(values), at_95_percent(values))
    ]
    late = values.count(math.inf)
    return f"{shown[0]}, 95 % within {shown[1]}" + (
        f", {late} of {len(values)} not before the next key" if late else ""
    )
