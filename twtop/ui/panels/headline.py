"""The headline: the most urgent verdict. For ports it names the bottleneck, its pressure, and when it will be full."""

import math
from collections.abc import Sequence

from textual.geometry import Offset, Size

from twtop import formatting as fmt
from twtop.budgets.bottleneck import Bottleneck
from twtop.columns.gauge import BLOCKS, bar, gauge
from twtop.columns.tones import SIGNS, Line, Tone, merged, width_of
from twtop.frame.frame import Frame
from twtop.ui.kit.lines import GAP, Part, fit, spread
from twtop.ui.kit.panel import LinePanel
from twtop.ui.kit.wrapping import wrapped
from twtop.verdicts.ports import fullness
from twtop.verdicts.verdict import SOON_S, Level, Verdict

URGENT = (Level.CRITICAL, Level.WARN)
TONES = {Level.CRITICAL: Tone.ALARM, Level.WARN: Tone.WARN}
LEAST_GAUGE, LEAST_NAME = 8, 12
WHEN = 16
"""Cells for ` full in 99 min `."""

SPACE = (" ", Tone.PLAIN)


class Headline(LinePanel):
    """Ports are drawn as figures with a gauge, below them if there are two lines. Other verdicts are told in words."""

    def __init__(self) -> None:
        super().__init__(id="headline")
        self._frame: Frame | None = None

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's most urgent verdict."""
        self._frame = frame
        self.draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        frame, width = self._frame, size.width
        if frame is None:
            return ()
        verdict, worst = most_urgent(frame.verdicts), frame.analysis.bottleneck
        if verdict.id != "ports" or worst is None:
            return _sentence(verdict, size)
        if size.height > 1:
            return (_words(worst, verdict.level, width), _drawn(frame, worst, width))
        return (_beside(frame, worst, verdict.level, width),)

    def tip_at(self, at: Offset) -> str:  # noqa: ARG002
        return most_urgent(self._frame.verdicts).text if self._frame else ""


def most_urgent(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The first verdict of the worst level. connect_cost is left out: it follows from the ports and says less."""
    told = [verdict for verdict in verdicts if verdict.id != "connect_cost"]
    return min(told, key=lambda verdict: (*URGENT, verdict.level).index(verdict.level))


def _sentence(verdict: Verdict, size: Size) -> tuple[Line, ...]:
    """A verdict in words, wrapped into the lines that there are."""
    name = f" {SIGNS[verdict.level]} {verdict.id.upper()} "
    told = ((name, TONES.get(verdict.level, Tone.STRONG)), (f" {verdict.text}", Tone.PLAIN))
    return wrapped(told, size.width, rows=max(1, size.height), indent=len(name) + 1)


def _name(worst: Bottleneck, level: Level, width: int) -> Line:
    """The name of the bottleneck in at most `width` cells. A long one loses its middle, since it ends with the port."""
    name = worst.name if worst.destination is not None else f"{worst.name}, which binds first"
    if len(name) > (room := max(LEAST_NAME, width - len(f" {SIGNS[level]}  "))):
        name = f"{name[: (room - 1) // 2]}…{name[-(room // 2) :]}"
    return ((f" {SIGNS[level]} {name} ", TONES.get(level, Tone.STRONG)),)


def _share(worst: Bottleneck) -> Line:
    return ((f"{fmt.percent(worst.pressure):>5}", Tone.STRONG),)


def _capacity(worst: Bottleneck) -> Line:
    return ((f" of {fmt.count(worst.capacity)} ports", Tone.PLAIN),)


def _when(worst: Bottleneck) -> Line:
    """When the budget is full, in a field of fixed width; nothing if that is unknown."""
    words = fullness(worst.full_in_s, worst.waits, worst.was_full_lately)
    if not words:
        return ()
    tone = Tone.ALARM if worst.full_in_s <= SOON_S else Tone.DIM if words == "never full" else Tone.WARN
    return ((" " * (WHEN - len(words) - 2), Tone.PLAIN), (f" {words} ", tone))


def _failing(worst: Bottleneck) -> tuple[Part, ...]:
    """How many connect() calls fail, now or in the last minute; nothing where none does or nobody knows."""
    per_s, last_60s = worst.failing
    least, to = "≥" * worst.failed_at_least, (Part(((worst.failed_to, Tone.CRITICAL),), 3),) * bool(worst.failed_to)
    if worst.waits and per_s > 0:
        return (Part(((f"{least}{fmt.per_s(per_s)} fail", Tone.CRITICAL),), 6), *to)
    if worst.was_full_lately and last_60s > 0:
        return (Part(((f"{least}{fmt.count(last_60s)} failed in the last 60 s", Tone.CRITICAL),), 6), *to)
    return ()


def _next_port(worst: Bottleneck) -> tuple[Part, ...]:
    """When a budget without a port gets one back, and how many per second from then on."""
    if math.isnan(worst.next_free_s) or not worst.waits:
        return ()
    soon = Part((("next port in ", Tone.DIM), (f"{fmt.span(worst.next_free_s):>4}", Tone.PLAIN)), 5)
    if math.isnan(worst.freed_per_s):
        return (soon,)
    return (soon, Part((("then ", Tone.DIM), (fmt.per_s(worst.freed_per_s), Tone.PLAIN)), 4))


def _words(worst: Bottleneck, level: Level, width: int) -> Line:
    """The figures, and at the right end the two rates that explain them."""
    figures, when, gaps = (*_share(worst), *_capacity(worst)), _when(worst), 2 * width_of((GAP,))
    name = _name(worst, level, width)
    if width_of((*name, *figures, *when)) + gaps > width:
        figures = _share(worst)
        name = _name(worst, level, width - width_of((*figures, *when)) - gaps)
    left = fit([Part(name, 9), Part(figures, 7), Part(when, 8), *_failing(worst), *_next_port(worst)], width)
    asked = "asked before it was full" if worst.is_demand_unseen else "asked" if worst.was_full_lately else "new"
    rates = ((worst.new_per_s, asked), (worst.max_per_s, "sustainable"))
    pace = ", ".join(f"{fmt.per_s(rate)} {what}" for rate, what in rates if not math.isnan(rate))
    room = pace and width_of(left) + len(pace) + 2 <= width
    return spread(left, ((pace, Tone.DIM),), width) if room else left


def _beside(frame: Frame, worst: Bottleneck, level: Level, width: int) -> Line:
    """Everything in one line; the gauge takes the room that is left."""
    when = _when(worst)
    for part in _failing(worst)[:1]:
        when = (*when, SPACE, *part.line)
    name = _name(worst, level, width - width_of((*_share(worst), *when)) - 2)
    for share in ((*_share(worst), *_capacity(worst)), _share(worst)):
        room = width - width_of((*name, *share, *when)) - 3
        if room >= LEAST_GAUGE:
            return (*name, SPACE, *_drawn(frame, worst, room), SPACE, *share, SPACE, *when)
    return fit([Part(name, 8), Part(_share(worst), 9), Part(when, 7)], width, SPACE)


def _drawn(frame: Frame, worst: Bottleneck, width: int) -> Line:
    if worst.destination is not None:
        return gauge(frame.groups, worst.destination, width, float(frame.analysis.peak[worst.destination]))
    tones = bar((worst.used, Tone.TIME_WAIT), total=worst.capacity, width=width)
    return merged([(BLOCKS[tone], tone) for tone in tones])
