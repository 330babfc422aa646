"""TIME_WAIT over time: the count with its forecast, entries or the next releases per second; and failed connects."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from textual.geometry import Size
from textual.worker import Worker, WorkerState

from twtop import formatting as fmt
from twtop.columns.failed import FAILED
from twtop.columns.tones import Line, Tone
from twtop.dump.timer_wheel import MINUTE_S
from twtop.frame.frame import Frame, TimeWait
from twtop.model import Counts
from twtop.sanitize import printable
from twtop.ui.kit.panel import LinePanel
from twtop.ui.kit.plot import Band, Curve, Plot, draw, load
from twtop.ui.mark import Mark

PASTS_S = (60, 120, 240)
"""The spans of the past that it may show, in seconds: the shortest that holds the whole run so far."""

LIMIT_IN_SIGHT = 0.25
"""The bucket limit is drawn once the count reaches this share of it. Earlier it would flatten the curve."""


class Mode(enum.StrEnum):
    """What the timeline shows; the value stands in its title."""

    COUNT = "count"
    ENTRIES = "entries per second"
    RELEASES = "releases per second"
    FAILED = "failed connects per second"


class Timeline(LinePanel, can_focus=True):
    """Left of “now” stands what was, right of it what the timers tell of the next minute."""

    def __init__(self) -> None:
        super().__init__(id="timeline")
        self.mode = Mode.COUNT
        self.marks: tuple[Mark, ...] = ()
        self._frame: Frame | None = None
        self._drawing: tuple[object, Sequence[Line]] = (None, ())
        self._loading: Worker[None] | None = None

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame; the first one as soon as plotext is loaded."""
        self._frame = frame
        if self._loading is None:
            self._loading = self.run_worker(load, thread=True)
        self.draw()

    def on_worker_state_changed(self) -> None:
        self.draw()

    def show_marks(self, marks: tuple[Mark, ...]) -> None:
        """Draw these marks from now on, as far as they are in sight."""
        self.marks = marks
        self.draw()

    def next_mode(self) -> None:
        modes = list(Mode)
        self.mode = modes[(modes.index(self.mode) + 1) % len(modes)]
        self.draw()

    def draw(self) -> None:
        if self._frame is not None:
            self.entitle(*_titles(self.mode, self._frame))
        super().draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        """The curves. They are kept, since another view of the same dump often has the same."""
        loaded = self._loading is not None and self._loading.state is WorkerState.SUCCESS
        if self._frame is None or not loaded or size.width < 20 or size.height < 3:
            return ()
        wanted = self._plot(self._frame), size, {tone: self.tone_style(tone).color for tone in Tone}
        if self._drawing[0] != wanted:
            plot, (width, height), colours = wanted
            self._drawing = wanted, draw(plot, width, height, colours)
        return self._drawing[1]

    def _plot(self, frame: Frame) -> Plot:
        waiting, limit = frame.matching, frame.snapshot.limits.max_tw_buckets
        match self.mode:
            case Mode.COUNT:
                plot = replace(_counts(waiting, limit), band=_failed_band(frame))
            case Mode.ENTRIES:
                plot = _seconds(waiting.entered, -MINUTE_S, Tone.TIME_WAIT)
            case Mode.RELEASES:
                plot = _seconds(waiting.releases, 0, Tone.FORECAST)
            case Mode.FAILED:
                start = -past_s(waiting)
                plot = Plot(_failed(frame, start), start, 0, (*_minutes(start), (0, "now")))
        return replace(plot, marks=tuple(mark for mark in self._marked(frame) if mark[0] >= plot.start))

    def _marked(self, frame: Frame) -> Iterator[tuple[float, str]]:
        """(seconds from now, which is ≤ 0; label) of the marks and of the baseline."""
        for mark in self.marks:
            yield mark.mono - frame.snapshot.mono, printable(mark.label)
        if frame.base is not None:
            yield frame.base.time - frame.snapshot.time, "baseline"


def past_s(waiting: TimeWait) -> int:
    """How many seconds of the past are shown."""
    age = -float(waiting.times[0]) if len(waiting.times) else 0.0
    return next((seconds for seconds in PASTS_S if age <= seconds), PASTS_S[-1])


def _counts(waiting: TimeWait, limit: int | None) -> Plot:
    """The count so far, and the forecast from “now” on."""
    start = -past_s(waiting)
    past = waiting.times >= start
    near = limit is not None and waiting.count >= LIMIT_IN_SIGHT * limit
    ahead = [] if waiting.forecast is None else [waiting.count, *waiting.forecast.tolist()]
    return Plot(
        curves=(
            Curve(waiting.times[past].tolist(), waiting.counts[past].tolist(), Tone.TIME_WAIT),
            Curve(list(range(len(ahead))), ahead, Tone.FORECAST),
        ),
        start=start,
        end=MINUTE_S,
        x_ticks=(*_minutes(start), (0, "now"), (60, "+60 s")),
        across=((float(limit), Tone.CRITICAL),) if limit and near else (),
        down=((0.0, Tone.DIM),),
    )


def _minutes(start: int) -> Iterator[tuple[int, str]]:
    """A tick for each minute of the past."""
    return ((at, f"−{fmt.span(-at)}") for at in range(start, 0, 60))


def _failed_band(frame: Frame) -> Band | None:
    """Failed connects of the seconds in sight; None where none failed in them, or nobody knows."""
    curves = _failed(frame, -past_s(frame.matching))
    if not any(count > 0 for curve in curves for count in curve.y):
        return None
    every = "" if frame.matching is frame.total else " of all"
    return Band(curves, f"{FAILED} fail/s{every}", Tone.CRITICAL)


def _failed(frame: Frame, start: int) -> tuple[Curve, ...]:
    """The failed connects of each whole second from `start` on. Where they were not counted there is a gap."""
    failures = frame.analysis.reading.failures
    if failures is None:
        return ()
    x = failures.ended - frame.snapshot.mono - len(failures.by_second) + 0.5 + np.arange(len(failures.by_second))
    known = np.flatnonzero(~np.isnan(failures.by_second) & (x >= start))
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    return tuple(Curve(x[run].tolist(), failures.by_second[run].tolist(), Tone.CRITICAL) for run in runs if len(run))


def _seconds(counts: Counts | None, start: int, tone: Tone) -> Plot:
    """One value for each second of the minute that begins at `start`; no curve if they are unknown."""
    sign = "−" if start < 0 else "+"
    edge = (start, f"{sign}60 s") if start < 0 else (60, f"{sign}60 s")
    middle = (start + 30, f"{sign}30 s")
    x = [start + i * (MINUTE_S / (MINUTE_S - 1)) for i in range(MINUTE_S)]
    curves = () if counts is None else (Curve(x, counts.tolist(), tone),)
    return Plot(curves, start, start + MINUTE_S, tuple(sorted((edge, middle, (0, "now")))))


def _titles(mode: Mode, frame: Frame) -> tuple[str, ...]:
    """Titles that tell what is drawn, the longest first."""
    what = "TIME_WAIT" if frame.matching is frame.total else "TIME_WAIT (filtered)"
    last, following = f"last {fmt.span(past_s(frame.matching))}", f"next {fmt.span(MINUTE_S)}"
    short = str(mode).replace(" per second", "/s")
    if mode is Mode.FAILED:
        failures, name = frame.analysis.reading.failures, str(mode).capitalize()
        if failures is None:
            why = "since no budget is near its end or the source cannot"
            return f"{name}: not counted, {why}", f"{name}: not counted", "Failed connects/s", "Failed/s"
        return f"{name}, {last}", name, "Failed connects/s", "Failed/s"
    if frame.matching.releases is None:
        said = f"{last}, the next unknown" if mode is Mode.COUNT else f"{mode} unknown"
        why = f", since {frame.snapshot.source} shows no timers"
        return f"{what}: {said}{why}", f"{what}: {said}", what
    match mode:
        case Mode.COUNT:
            return f"{what}: {last}, {following} (forecast)", f"{what}: {last}, {following}", what
        case Mode.ENTRIES:
            return f"{what}: {mode}, last {fmt.span(MINUTE_S)}", f"{what}: {short}", short
        case Mode.RELEASES:
            return f"{what}: {mode}, {following}", f"{what}: {short}, {following}", f"{what}: {short}", short
