"""The threads that turn a source into Frames, so that whoever draws never waits for the kernel.

One thread reads and analyses at the interval; one folds whenever there is a new analysis or another view is wanted,
so that a keystroke is answered from the last one even while a dump is under way; one looks up owners.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from twtop.analysis import Analysis
from twtop.frame import Frame, View
from twtop.history import History, fold
from twtop.model import Process
from twtop.probe import CollectError
from twtop.processes import assign, socket_owners
from twtop.sampler import BUDGET, Sampler
from twtop.sources import OpenSource

OWNERS_EVERY_S = 5.0

News = TypeVar("News")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants of the engine now; `refreshes` counts the samples asked for out of turn."""

    view: View
    interval: float
    paused: bool = False
    refreshes: int = 0
    stopped: bool = False


class Engine:
    """Runs from `start` to `stop`. The callbacks are called from its threads.

    `on_frame` gets each Frame; `on_fault` the line that says why a tick brought none, the next one tries again;
    `on_defect` what should never be raised, which ends its thread.
    """

    def __init__(
        self,
        open_source: OpenSource,
        view: View,
        interval: float,
        on_frame: Callable[[Frame], object],
        on_fault: Callable[[str], object],
        on_defect: Callable[[Exception], object],
        budget: float = BUDGET,
    ) -> None:
        self._open_source = open_source
        self._wish = Wish(view, interval)
        self._budget = budget
        self._on_frame = on_frame
        self._on_fault = on_fault
        self._on_defect = on_defect
        self._changed = threading.Condition()
        self._analysis: Analysis | None = None
        self._owners: Mapping[int, Process] = {}
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=name, daemon=True)
            for name, run in (("collect", self._collect), ("fold", self._fold), ("owners", self._look_up_owners))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; none of them calls back any more once this returns, even one that hangs in the kernel."""
        self._change(stopped=True)
        for thread in self._threads:
            thread.join(timeout=1.0)

    def show(self, view: View) -> None:
        """Fold the last snapshot again for this view, and all that follow."""
        self._change(view=view)

    def set_interval(self, seconds: float) -> None:
        self._change(interval=seconds)

    def pause(self, paused: bool) -> None:
        """While paused no sample is taken; views are still answered from the last one."""
        self._change(paused=paused)

    def refresh(self) -> None:
        """Take a sample now, paused or not."""
        self._change(refreshes=self._wish.refreshes + 1)

    def _change(self, **parts: object) -> None:
        with self._changed:
            self._wish = replace(self._wish, **parts)  # type: ignore[arg-type]
            self._changed.notify_all()

    def _tell(self, callback: Callable[[News], object], news: News) -> None:
        if not self._wish.stopped:
            callback(news)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # handed on, so that the view can end with it
            self._tell(self._on_defect, error)

    def _collect(self) -> None:
        sampler = Sampler(self._open_source(), self._budget)
        started, refreshes = -self._wish.interval, 0
        while (wish := self._until_due(started, refreshes)) and not wish.stopped:
            asked, started, refreshes = wish.refreshes > refreshes, time.monotonic(), wish.refreshes
            try:
                analysis = sampler.tick(wish.interval, now=asked)
            except CollectError as error:
                self._tell(self._on_fault, str(error))
                continue
            with self._changed:
                if self._analysis is None or wish.paused or not self._wish.paused:  # else what is seen was frozen since
                    self._analysis = analysis
                    self._changed.notify_all()

    def _until_due(self, started: float, refreshes: int) -> Wish:
        """Wait until the next sample is due, asked for, or the engine stops."""
        with self._changed:
            while True:
                wish = self._wish
                left = started + wish.interval - time.monotonic()
                if wish.stopped or wish.refreshes > refreshes or (left <= 0 and not wish.paused):
                    return wish
                self._changed.wait(None if wish.paused else left)

    def _fold(self) -> None:
        history = History()
        analysis: Analysis | None = None
        view: View | None = None
        while work := self._until_news(analysis, view):
            fresh, view, owners = work
            if fresh is not analysis:
                history.advance(fresh.snapshot)
            analysis = fresh
            self._tell(self._on_frame, fold(history, analysis, view, assign(analysis.snapshot.sockets, owners)))

    def _until_news(
        self, folded: Analysis | None, viewed: View | None
    ) -> tuple[Analysis, View, Mapping[int, Process]] | None:
        """Wait for a new analysis or another view; None when the engine stops."""
        with self._changed:
            while not self._wish.stopped:
                if self._analysis and (self._analysis is not folded or self._wish.view != viewed):
                    return self._analysis, self._wish.view, self._owners
                self._changed.wait()
        return None

    def _look_up_owners(self) -> None:
        while not self._wish.stopped:
            owners = socket_owners()
            with self._changed:
                self._owners = owners
                self._changed.wait_for(lambda: self._wish.stopped, OWNERS_EVERY_S)
