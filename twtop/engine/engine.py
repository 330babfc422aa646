"""The threads that turn a source into Frames, so that whoever draws never waits for the kernel.

One thread reads and analyses at the interval; one folds whenever there is a new analysis or another view is wanted,
so that a keystroke is answered from the last one even while a dump is under way; one searches for the processes that
hold the sockets, slowly.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from twtop.analysis.analysis import Analysis
from twtop.engine.sampler import CPU_LIMIT, Sampler
from twtop.frame.build import build_frame
from twtop.frame.frame import Frame
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.model import Sockets
from twtop.processes.attribution import OwnerTracker
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import NOBODY, Holders, holders
from twtop.sources.open_source import OpenSource
from twtop.sources.probe import CollectError

News = TypeVar("News")


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the user wants of the engine now; `refreshes` counts the samples asked for out of turn."""

    view: View
    interval: float
    paused: bool = False
    refreshes: int = 0
    stopped: bool = False


class FrameInputs(NamedTuple):
    """What a Frame is made of."""

    analysis: Analysis
    view: View
    holders: Holders

    def differs(self, done: "FrameInputs") -> bool:
        """Whether it makes another frame."""
        known = self.holders is done.holders or not self.view.needs_owners
        return self.analysis is not done.analysis or self.view != done.view or not known


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
        budget: float = CPU_LIMIT,
    ) -> None:
        self._open_source = open_source
        self._wish = EngineState(view, interval)
        self._budget = budget
        self._on_frame = on_frame
        self._on_fault = on_fault
        self._on_defect = on_defect
        self._changed = threading.Condition()
        self._analysis: Analysis | None = None
        self._holders = NOBODY
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=name, daemon=True)
            for name, run in (
                ("collect", self._collect),
                ("fold", self._fold),
                ("search", self._search),
            )
        ]

    def start(self) -> None:
        """Begin, unless it has begun."""
        for thread in self._threads:
            if thread.ident is None:
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
        started, before = -self._wish.interval, replace(self._wish, refreshes=0)
        while (wish := self._until_due(started, before)) and not wish.stopped:
            asked, started, before = wish.refreshes > before.refreshes, time.monotonic(), wish
            try:
                analysis = sampler.tick(wish.interval, wish.view.query, now=asked)
            except CollectError as error:
                self._tell(self._on_fault, str(error))
                continue
            told = analysis.snapshot.holders
            with self._changed:
                if told is not None:
                    self._holders = holders(told.items())
                if self._analysis is None or wish.paused or not self._wish.paused:  # else what is seen was frozen since
                    self._analysis = analysis
                    self._changed.notify_all()

    def _until_due(self, started: float, before: EngineState) -> EngineState:
        """Wait until the next sample is due, asked for, or the engine stops."""
        with self._changed:
            while True:
                wish = self._wish
                left = started + wish.interval - time.monotonic()
                if wish.stopped or wish.refreshes > before.refreshes or self._lacks(wish, before):
                    return wish
                if left <= 0 and not wish.paused:
                    return wish
                self._changed.wait(None if wish.paused else left)

    def _lacks(self, wish: EngineState, before: EngineState) -> bool:
        """Whether another filter than before wants sockets that were left out."""
        if self._analysis is None or wish.view.query == before.view.query:
            return False
        answer = self._analysis.answer(wish.view.query)
        return answer is None or (answer is not self._analysis and not wish.paused)

    def _fold(self) -> None:
        history, tracker = History(), OwnerTracker()
        done: FrameInputs | None = None
        while work := self._until_news(done):
            analysis, view, held = work
            if done is None or analysis is not done.analysis:
                history.advance(analysis.snapshot)
            done = work
            self._tell(
                self._on_frame, build_frame(history, analysis, view, tracker.assign(analysis.snapshot.sockets, held))
            )

    def _until_news(self, done: FrameInputs | None) -> FrameInputs | None:
        """Wait for a new analysis, another view or holders that it asks for; None when the engine stops."""
        with self._changed:
            while not self._wish.stopped:
                if self._analysis and (answer := self._analysis.answer(self._wish.view.query)):
                    work = FrameInputs(answer, self._wish.view, self._holders)
                    if done is None or work.differs(done):
                        return work
                self._changed.wait()
        return None

    def _search(self) -> None:
        search = Search()
        wanted: Sockets | None = None
        while (sockets := self._until_sought(wanted, search)) is not None:
            if sockets is not wanted:
                search.want(sockets.inode)
                wanted = sockets
            if search.advance():
                with self._changed:
                    self._holders = search.holders
                    self._changed.notify_all()

    def _until_sought(self, wanted: Sockets | None, search: Search) -> Sockets | None:
        """Wait until there is something to search for and CPU time to do it; None when the engine stops."""
        with self._changed:
            while not self._wish.stopped:
                snapshot = self._analysis.snapshot if self._analysis else None
                sockets = snapshot.sockets if snapshot and snapshot.holders is None else None
                left = search.rested_at - time.monotonic()
                sought = sockets is not wanted or not search.over
                if sockets is not None and sought and left <= 0:
                    return sockets
                self._changed.wait(left if sought and left > 0 else None)
        return None
