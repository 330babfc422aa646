"""Two lines on top: which box and how it is read, and the key figures of all TIME_WAIT."""

import time
from datetime import datetime

from twtop import text
from twtop.frame import Frame
from twtop.ui.gauge import BLOCKS, bar
from twtop.ui.lines import Line, LinePanel, Part, Tone, aligned, fit, merged, width_of
from twtop.verdicts import SHARE_CRITICAL, SHARE_WARN

BAR = 10


class Header(LinePanel):
    """Knows the latest frame, and what the monitor says of pause, interval, fault and mark."""

    def __init__(self) -> None:
        super().__init__(id="header")
        self.frame: Frame | None = None
        self.interval = 1.0
        self.paused = False
        self.fault = ""
        self.mark: float | None = None

    def draw(self) -> None:
        """Draw what is known now; also called as the clock runs while paused."""
        width = self.size.width
        load = self.frame.snapshot.load if self.frame else ""
        self.set_class(bool(load), "loaded")
        told: Line = (("load ", Tone.DIM), (text.printable(load, 200), Tone.KEY))
        self.show((self._box(width), self._figures(width), *([aligned(told, width)] if load else [])))

    def on_resize(self) -> None:
        self.draw()

    def _box(self, width: int) -> Line:
        if self.frame is None:
            waiting = self.fault or "reading the kernel's sockets …"
            return fit([Part((("twtop", Tone.TITLE),), 1), Part(((waiting, _fault_tone(self.fault)),), 2)], width)
        snapshot = self.frame.snapshot
        cpu = text.UNKNOWN if self.frame.cpu is None else f"{self.frame.cpu * 100:.0f} %"
        left = [
            Part((("twtop", Tone.TITLE),), 9),
            Part(((text.printable(snapshot.host, 32), Tone.STRONG),), 6),
            Part(((text.printable(snapshot.kernel, 24), Tone.DIM),), 2),
            Part(((f"{snapshot.source} {snapshot.collect_s * 1000:.0f} ms", Tone.DIM),), 3),
            Part(((f"every {self.interval:g} s", Tone.DIM),), 5),
            Part(((f"cpu {cpu}", Tone.DIM),), 4),
        ]
        if self.mark is not None:
            left.append(Part(((f"mark {text.seconds(snapshot.mono - self.mark)}", Tone.KEY),), 7))
        right = self._status(max(0, width - 24))
        return _spread(fit(left, max(0, width - width_of(right) - 2)), right, width)

    def _status(self, width: int) -> Line:
        if self.frame is None:
            return ()
        clock = f"{datetime.fromtimestamp(self.frame.snapshot.time):%H:%M:%S}"
        if self.fault:
            return fit([Part(((f"✖ {self.fault}", Tone.CRITICAL),), 2), Part(((clock, Tone.DIM),), 1)], width)
        if self.paused:
            age = text.seconds(max(0, int(time.time() - self.frame.snapshot.time))).replace(".0", "")
            return (("⏸ paused ", Tone.WARN), (f"frame is {age} old  ", Tone.WARN), (clock, Tone.DIM))
        return (("● live  ", Tone.OK), (clock, Tone.DIM))

    def _figures(self, width: int) -> Line:
        if self.frame is None:
            return ()
        total, limit = self.frame.total, self.frame.snapshot.limits.max_tw_buckets
        parts = [
            Part((("TIME_WAIT ", Tone.DIM), (text.count(total.count), Tone.TIME_WAIT)), 9),
            Part(
                (
                    (f"▲ {text.rate(total.entered_per_s)}/s in  ", Tone.PLAIN),
                    (f"▼ {text.rate(total.left_per_s)}/s out", Tone.PLAIN),
                ),
                8,
            ),
        ]
        if limit:
            share = total.count / limit
            tone = Tone.CRITICAL if share >= SHARE_CRITICAL else Tone.WARN if share >= SHARE_WARN else Tone.PLAIN
            cells = bar((total.count, Tone.TIME_WAIT), total=limit, width=BAR)
            drawn = merged([(BLOCKS[cell], cell) for cell in cells])
            parts.append(Part((("limit ", Tone.DIM), (text.count(limit), Tone.PLAIN)), 5))
            parts.append(Part((*drawn, (f" {text.percent(share)}", tone)), 6))
        parts.append(Part(((text.size(self.frame.memory.here), Tone.PLAIN),), 4))
        for name, title in (("TWRecycled", "reused"), ("TCPTimeWaitOverflow", "overflow")):
            per_s = self.frame.rates.get(name)
            parts.append(Part(((f"{title} ", Tone.DIM), (f"{text.rate(per_s)}/s", Tone.PLAIN)), 3))
        return fit(parts, width, ("   ", Tone.PLAIN))


def _spread(left: Line, right: Line, width: int) -> Line:
    gap = max(1, width - width_of(left) - width_of(right))
    return (*left, (" " * gap, Tone.PLAIN), *right)


def _fault_tone(fault: str) -> Tone:
    return Tone.CRITICAL if fault else Tone.DIM
