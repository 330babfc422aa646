"""Two lines on top: which box and how it is read, and the key figures of all TIME_WAIT."""

import time
from collections.abc import Sequence

from textual.geometry import Size

from twtop import formatting as fmt
from twtop.columns.tones import Line, Tone, width_of
from twtop.frame.frame import Frame
from twtop.model import TcpState
from twtop.sanitize import printable
from twtop.ui.kit.lines import Part, fit, spread
from twtop.ui.kit.panel import LinePanel
from twtop.ui.kit.wrapping import wrapped
from twtop.ui.mark import Mark

RATE = 5
"""Cells for `1,204` per second."""

CHANGE = 7
"""Cells for `+99,999`."""

LABEL = 16
"""Characters of a mark's label."""


class Header(LinePanel):
    """Draws the latest frame, and beside it the interval in seconds, a pause, a fault and the time since a mark."""

    def __init__(self, interval: float) -> None:
        super().__init__(id="header")
        self.frame: Frame | None = None
        self.interval = interval
        self.paused = False
        self.fault = ""
        self.mark: Mark | None = None

    def show_frame(self, frame: Frame | None) -> None:
        """Draw this frame, or that there is none yet. A new tick ends a fault; another view of the last does not."""
        if frame is None or self.frame is None or frame.tick != self.frame.tick:
            self.fault = ""
        self.frame = frame
        self.set_class(bool(frame and frame.snapshot.load), "loaded")
        self.draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        width, load = size.width, self.frame.snapshot.load if self.frame else ""
        return (self._box(width), self._figures(width), *([_load(load, width)] if load else []))

    def show_mark(self, mark: Mark | None) -> None:
        """Count the time since this mark from now on."""
        self.mark = mark
        self.draw()

    def show_fault(self, reason: str) -> None:
        """Say why the last tick brought no frame."""
        self.fault = reason
        self.draw()

    def show_interval(self, seconds: float) -> None:
        self.interval = seconds
        self.draw()

    def show_pause(self, paused: bool) -> None:
        self.paused = paused
        self.draw()

    def draw_age(self) -> None:
        """Draw how old the frame is by now, which only a paused header tells."""
        if self.paused:
            self.draw()

    def _box(self, width: int) -> Line:
        if self.frame is None:
            waiting = self.fault or "reading the kernel's sockets …"
            return fit([Part((("twtop", Tone.TITLE),), 1), Part(((waiting, _fault_tone(self.fault)),), 2)], width)
        snapshot = self.frame.snapshot
        cpu = fmt.percent(self.frame.cpu)
        left = [
            Part((("twtop", Tone.TITLE),), 9),
            Part(((printable(snapshot.host, 32), Tone.STRONG),), 6),
            Part(((printable(snapshot.kernel, 24), Tone.DIM),), 2),
            Part(((f"{snapshot.source} {snapshot.collect_s * 1000:.0f} ms", Tone.DIM),), 3),
            Part(((f"every {fmt.setting(self.interval)}", Tone.DIM),), 5),
            Part(((f"cpu {cpu}", Tone.DIM),), 4),
        ]
        if snapshot.part:
            left.insert(4, Part((("of the filter alone", Tone.WARN),), 5))
        if self.frame.every_s > self.interval:
            left.insert(5, Part(((f"sockets every {fmt.setting(self.frame.every_s)}", Tone.WARN),), 5))
        if snapshot.netns_name:
            left.insert(2, Part((("netns ", Tone.DIM), (printable(snapshot.netns_name, 32), Tone.KEY)), 8))
        if self.mark is not None:
            since = fmt.seconds(snapshot.mono - self.mark.mono)
            label = f" {printable(self.mark.label, LABEL)}" if self.mark.label else ""
            left.append(Part((("mark", Tone.DIM), (label, Tone.TITLE), (f" {since}", Tone.KEY)), 7))
        if self.frame.base is not None:
            moment = fmt.clock(self.frame.base.time)
            left.append(Part((("change since ", Tone.DIM), (moment, Tone.KEY)), 8))
        elif self.frame.view.baseline:
            left.append(Part((("change unknown: the baseline is of another filter", Tone.WARN),), 8))
        right = self._status(max(0, width - len("twtop") - 2))
        return spread(fit(left, max(0, width - width_of(right) - 2)), right, width)

    def _status(self, width: int) -> Line:
        if self.frame is None:
            return ()
        clock = fmt.clock(self.frame.snapshot.time)
        if self.fault:
            return fit([Part(((f" ✖ {self.fault} ", Tone.ALARM),), 2), Part(((clock, Tone.DIM),), 1)], width)
        if self.paused:
            age = fmt.span(max(0, int(time.time() - self.frame.snapshot.time)))
            return (("⏸ paused ", Tone.WARN), (f"frame is {age} old  ", Tone.WARN), (clock, Tone.DIM))
        return (("● live  ", Tone.OK), (clock, Tone.DIM))

    def _figures(self, width: int) -> Line:
        if self.frame is None:
            return ()
        total, limit = self.frame.total, self.frame.snapshot.limits.max_tw_buckets
        base, change = self.frame.base, ""
        if base is not None:
            change = f" {fmt.signed(total.count - float(base.total[TcpState.TIME_WAIT])):>{CHANGE}}"
        parts = [
            Part((("TIME_WAIT ", Tone.DIM), (f"{fmt.count(total.count):>7}", Tone.TIME_WAIT), (change, Tone.KEY)), 9),
            Part(_rate("", total.entered_per_s, " in"), 8),
            Part(_rate("", total.left_per_s, " out"), 7),
        ]
        if limit:
            parts.append(Part((("limit ", Tone.DIM), (fmt.count(limit), Tone.PLAIN)), 5))
        for name, title in (("TWRecycled", "reused "), ("TCPTimeWaitOverflow", "overflow ")):
            parts.append(Part(_rate(title, self.frame.rates.get(name)), 3))
        return fit(parts, width, ("   ", Tone.PLAIN))


def _load(load: str, width: int) -> Line:
    """What the load says: where room is short without a title, then as far as whole words go."""
    told: Line = ((printable(load, 200), Tone.PLAIN),)
    titled: Line = (("load ", Tone.DIM), *told)
    return titled if width_of(titled) <= width else wrapped(told, width, rows=1)[0]


def _rate(before: str, per_s: float | None, after: str = "") -> Line:
    """A figure of fixed width, so that what is beside it stays where it is; an unknown one has no unit."""
    shown = fmt.rate(per_s)
    unit = "  " if shown == fmt.UNKNOWN else "/s"
    return ((before, Tone.DIM), (f"{shown:>{RATE}}", Tone.PLAIN), (unit + after, Tone.DIM))


def _fault_tone(fault: str) -> Tone:
    return Tone.ALARM if fault else Tone.DIM
