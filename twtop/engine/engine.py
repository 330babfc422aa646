"""The threads that turn a source into Frames, so that whoever draws never waits for the kernel.

One thread reads and analyses at the interval. One builds a frame whenever there is a new analysis or another view is
wanted, so that a keystroke is answered from the last analysis even while a dump is under way. One searches slowly for
the processes that hold the sockets.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from twtop.engine.owner_search import OwnerSearch
from twtop.engine.pipeline import Pipeline
from twtop.engine.sampler import MAX_CPU, Sampled
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.model import Snapshot
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import NOBODY, Holders
from twtop.sources.probe import CollectError
from twtop.sources.source import OpenSource

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
    """What a Frame is built of."""

    sampled: Sampled
    view: View
    found: Holders

    def differs(self, done: "FrameInputs") -> bool:
        """Whether it makes another frame than the one before."""
        known = self.found is done.found or not self.view.needs_owners
        return self.sampled is not done.sampled or self.view != done.view or not known


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who is told of it, in the engine's threads: each Frame; the line that says why a tick brought none (the next one
    tries again); and what should never be raised, which ends its thread."""

    on_frame: Callable[[Frame], object]
    on_fault: Callable[[str], object]
    on_defect: Callable[[Exception], object]


class Engine:
    """Runs from `start` to `stop`. What happens before somebody subscribes is told to the subscriber first."""

    def __init__(
        self,
        open_source: OpenSource,
        view: View,
        interval: float,
        max_cpu: float = MAX_CPU,
        search: Callable[[], Search] = Search,
    ) -> None:
        self._state = EngineState(view, interval)
        self._pipeline = Pipeline(open_source, max_cpu)
        self._make_search = search
        self._sampled: Sampled | None = None
        self._found = NOBODY
        self._changed = threading.Condition()
        self._telling = threading.Lock()
        self._subscriber: Subscriber | None = None
        self._untold: list[Callable[[Subscriber], object]] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=name, daemon=True)
            for name, run in (("collect", self._collect), ("build", self._build), ("search", self._search))
        ]

    def start(self) -> None:
        """Begin, unless it has begun."""
        for thread in self._threads:
            if thread.ident is None:
                thread.start()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell this one what has happened so far, in its order, and from now on what happens."""
        with self._telling:
            for tell in self._untold:
                tell(subscriber)
            self._untold.clear()
            self._subscriber = subscriber

    def stop(self) -> None:
        """End the threads. None of them tells anything once this returns, not even one that hangs in the kernel."""
        self._change(stopped=True)
        for thread in self._threads:
            thread.join(timeout=1.0)

    def show(self, view: View) -> None:
        """Answer this view from the last snapshot, and from all that follow."""
        self._change(view=view)

    def set_interval(self, seconds: float) -> None:
        self._change(interval=seconds)

    def pause(self, paused: bool) -> None:
        """While paused no sample is taken; views are still answered from the last one."""
        self._change(paused=paused)

    def refresh(self) -> None:
        """Take a sample now, paused or not."""
        self._change(refreshes=self._state.refreshes + 1)

    def _change(self, **parts: object) -> None:
        with self._changed:
            self._state = replace(self._state, **parts)  # type: ignore[arg-type]
            self._changed.notify_all()

    def _tell(self, tell: Callable[[Subscriber], object]) -> None:
        if self._state.stopped:
            return
        with self._telling:
            if self._subscriber is None:
                self._untold.append(tell)
                return
        tell(self._subscriber)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # handed on, so that the view can end with it
            defect = error
            self._tell(lambda subscriber: subscriber.on_defect(defect))

    def _collect(self) -> None:
        started, before = -self._state.interval, replace(self._state, refreshes=0)
        while (state := self._until_due(started, before)) and not state.stopped:
            asked, started, before = state.refreshes > before.refreshes, time.monotonic(), state
            try:
                sampled = self._pipeline.read(state.interval, state.view.query, now=asked)
            except CollectError as error:
                fault = str(error)
                self._tell(lambda subscriber, fault=fault: subscriber.on_fault(fault))  # type: ignore[misc]
                continue
            with self._changed:
                if self._sampled is None or state.paused or not self._state.paused:  # else the view is frozen by now
                    self._sampled = sampled
                    self._changed.notify_all()

    def _until_due(self, started: float, before: EngineState) -> EngineState:
        """Wait until the next sample is due, asked for, or the engine stops."""
        with self._changed:
            while True:
                state = self._state
                left = started + state.interval - time.monotonic()
                if state.stopped or state.refreshes > before.refreshes or self._lacks(state, before):
                    return state
                if left <= 0 and not state.paused:
                    return state
                self._changed.wait(None if state.paused else left)

    def _lacks(self, state: EngineState, before: EngineState) -> bool:
        """Whether another filter than before wants sockets that were not read."""
        if self._sampled is None or state.view.query == before.view.query:
            return False
        answer = self._sampled.answer(state.view.query)
        return answer is None or (answer is not self._sampled and not state.paused)

    def _build(self) -> None:
        done: FrameInputs | None = None
        while (inputs := self._until_news(done)) is not None:
            done = inputs
            frame = self._pipeline.build(*inputs)
            self._tell(lambda subscriber, frame=frame: subscriber.on_frame(frame))  # type: ignore[misc]

    def _until_news(self, done: FrameInputs | None) -> FrameInputs | None:
        """Wait for a new analysis, another view, or holders that it asks for; None when the engine stops."""
        with self._changed:
            while not self._state.stopped:
                if self._sampled and (answer := self._sampled.answer(self._state.view.query)):
                    inputs = FrameInputs(answer, self._state.view, self._found)
                    if done is None or inputs.differs(done):
                        return inputs
                self._changed.wait()
        return None

    def _search(self) -> None:
        search = OwnerSearch(self._make_search())
        while (snapshot := self._until_sought(search)) is not None:
            if (found := search.advance(snapshot)) is not None:
                with self._changed:
                    self._found = found
                    self._changed.notify_all()

    def _until_sought(self, search: OwnerSearch) -> Snapshot | None:
        """Wait until there is something to search for and CPU time to do it; None when the engine stops."""
        with self._changed:
            while not self._state.stopped:
                snapshot = self._sampled.analysis.snapshot if self._sampled else None
                left = search.due_in_s(snapshot)
                if snapshot is not None and left is not None and left <= 0:
                    return snapshot
                self._changed.wait(left)
        return None
