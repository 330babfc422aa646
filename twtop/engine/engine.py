"""The threads that turn a source into Frames, so that the screen never waits for the kernel.

One thread reads and analyses at each interval. Another builds a frame whenever the analysis or the view is new, so that
a keystroke is answered from the last analysis even during a dump. A third searches slowly for the processes that hold
the sockets. Where that search comes too late, the first one takes glimpses between two readings.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeVar

from twtop.engine.glimpses import Glimpses, Wanted, wanted
from twtop.engine.owner_search import OwnerSearch
from twtop.engine.pipeline import Pipeline
from twtop.engine.sampler import MAX_CPU, Sampled
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.model import Snapshot
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import NOBODY, Holders
from twtop.processes.sightings import Sightings
from twtop.records import dataclass
from twtop.sources.probe import CollectError
from twtop.sources.source import OpenSource

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the engine has been asked to do. `interval` is in seconds, `refreshes` counts the calls of `refresh`."""

    view: View
    interval: float
    paused: bool = False
    refreshes: int = 0
    stopped: bool = False


class FrameInputs(NamedTuple):
    """What a Frame is built from."""

    sampled: Sampled
    view: View
    found: Holders
    sightings: Sightings

    def differs(self, done: "FrameInputs") -> bool:
        """Whether the frame differs from the one that was built from `done`."""
        same = self.found is done.found and self.sightings is done.sightings
        same_owners = same or not self.view.needs_owners
        return self.sampled is not done.sampled or self.view != done.view or not same_owners


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Callbacks, which the engine calls in its own threads.

    `on_frame` gets each Frame. `on_fault` gets the one line that says why a tick brought no frame; the next tick tries
    again. `on_defect` gets an exception that nobody expected; the thread that raised it has ended.
    """

    on_frame: Callable[[Frame], object]
    on_fault: Callable[[str], object]
    on_defect: Callable[[Exception], object]


Callback = Literal["on_frame", "on_fault", "on_defect"]
"""What a Subscriber has."""


class Engine:
    """Runs from `start` to `stop`. The last call of each kind before somebody subscribes is kept for the subscriber."""

    def __init__(
        self,
        open_source: OpenSource,
        view: View,
        interval: float,
        max_cpu: float = MAX_CPU,
        search: Callable[[], Search] = Search,
        glimpses: Callable[[], Glimpses] = Glimpses,
    ) -> None:
        self._state = EngineState(view, interval)
        self._make_search = search
        self._sampled: Sampled | None = None
        self._found = NOBODY
        self._sightings: Sightings = ()
        self._wanted: Wanted = ()
        self._changed = threading.Condition()
        self._delivering = threading.Lock()
        self._subscriber: Subscriber | None = None
        self._undelivered: dict[Callback, object] = {}
        pipeline = Pipeline(open_source, max_cpu, glimpses())  # what it remembers ends with the threads
        self._threads = [
            threading.Thread(target=self._guarded, args=(run, *parts), name=name, daemon=True)
            for name, run, *parts in (
                ("collect", self._collect, pipeline),
                ("build", self._build, pipeline),
                ("search", self._search),
            )
        ]

    def start(self) -> None:
        """Start the threads, unless they have been started."""
        for thread in self._threads:
            if thread.ident is None:
                thread.start()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Deliver to this subscriber the last of each that has happened, in order, and from now on whatever happens."""
        with self._delivering:
            for callback, news in self._undelivered.items():
                getattr(subscriber, callback)(news)
            self._undelivered.clear()
            self._subscriber = subscriber

    def stop(self) -> None:
        """End the threads, and let go of what they have read, whoever still holds this engine.

        Once this returns nothing more is delivered, even if a thread still hangs in the kernel.
        """
        self._change(stopped=True)
        with self._changed:
            self._sampled, self._found, self._sightings, self._wanted = None, NOBODY, (), ()
        for thread in self._threads:
            thread.join(timeout=1.0)

    def show(self, view: View) -> None:
        """Build frames of this view, from the last snapshot and from all that follow."""
        self._change(view=view)

    def set_interval(self, seconds: float) -> None:
        self._change(interval=seconds)

    def pause(self, paused: bool) -> None:
        """Take no samples while paused. Frames of other views are still built from the last sample."""
        self._change(paused=paused)

    def refresh(self) -> None:
        """Take a sample now, paused or not."""
        self._change(refreshes=self._state.refreshes + 1)

    def _change(self, **parts: Any) -> None:
        with self._changed:
            self._state = replace(self._state, **parts)
            self._changed.notify_all()

    def _deliver(self, callback: Callback, news: object) -> None:
        if self._state.stopped:
            return
        with self._delivering:
            if self._subscriber is None:
                self._undelivered.pop(callback, None)  # the order is that of the last calls
                self._undelivered[callback] = news
                return
        getattr(self._subscriber, callback)(news)

    def _guarded(self, run: Callable[..., None], *parts: object) -> None:
        try:
            run(*parts)
        except Exception as error:
            self._deliver("on_defect", error)

    def _collect(self, pipeline: Pipeline) -> None:
        started, before = -self._state.interval, replace(self._state, refreshes=0)
        while not (state := self._glimpse_until_due(pipeline, started, before)).stopped:
            asked, started, before = state.refreshes > before.refreshes, time.monotonic(), state
            try:
                sampled = pipeline.read(state.interval, state.view.query, now=asked)
            except CollectError as error:
                self._deliver("on_fault", str(error))
                continue
            with self._changed:
                frozen = self._sampled is not None and self._state.paused and not state.paused
                if not frozen and not self._state.stopped:
                    self._sampled = sampled
                    self._changed.notify_all()

    def _glimpse_until_due(self, pipeline: Pipeline, started: float, before: EngineState) -> EngineState:
        """Wait until the next sample is due, and take glimpses meanwhile; the state at that time."""
        while (state := self._until_due(pipeline, started, before)) is None:
            sightings = pipeline.glimpse(self._wanted)
            with self._changed:
                if sightings is not self._sightings and not self._state.stopped:
                    self._sightings = sightings
                    self._changed.notify_all()
        return state

    def _until_due(self, pipeline: Pipeline, started: float, before: EngineState) -> EngineState | None:
        """Wait until the next sample is due or asked for, or the engine stops; the state at that time.

        None if a glimpse is due first.
        """
        with self._changed:
            while True:
                state = self._state
                left = started + state.interval - time.monotonic()
                if state.stopped or state.refreshes > before.refreshes or self._needs_sockets(state, before):
                    return state
                if left <= 0 and not state.paused:
                    return state
                if state.paused:
                    self._changed.wait()
                    continue
                glimpse = pipeline.glimpse_due_in_s(self._wanted)
                if glimpse is not None and glimpse <= 0:
                    return None
                self._changed.wait(left if glimpse is None else min(left, glimpse))

    def _needs_sockets(self, state: EngineState, before: EngineState) -> bool:
        """Whether the filter is another than before and needs sockets that were not read."""
        if self._sampled is None or state.view.query == before.view.query:
            return False
        answer = self._sampled.answer(state.view.query)
        return answer is None or (answer is not self._sampled and not state.paused)

    def _build(self, pipeline: Pipeline) -> None:
        done: FrameInputs | None = None
        while (inputs := self._until_inputs_differ(done)) is not None:
            done = inputs
            frame = pipeline.build(*inputs)
            self._deliver("on_frame", frame)
            doubtful = wanted(frame, inputs.sightings) if inputs.view.needs_owners else ()
            with self._changed:
                if not self._state.stopped and doubtful != self._wanted:
                    self._wanted = doubtful
                    self._changed.notify_all()

    def _until_inputs_differ(self, done: FrameInputs | None) -> FrameInputs | None:
        """Wait until a frame would differ from the last one; what it is built from, or None when the engine stops."""
        with self._changed:
            while not self._state.stopped:
                if self._sampled and (answer := self._sampled.answer(self._state.view.query)):
                    inputs = FrameInputs(answer, self._state.view, self._found, self._sightings)
                    if done is None or inputs.differs(done):
                        return inputs
                self._changed.wait()
        return None

    def _search(self) -> None:
        search = OwnerSearch(self._make_search())
        while (snapshot := self._until_search_is_due(search)) is not None:
            if (found := search.advance(snapshot)) is not None:
                with self._changed:
                    if not self._state.stopped:
                        self._found = found
                        self._changed.notify_all()

    def _until_search_is_due(self, search: OwnerSearch) -> Snapshot | None:
        """Wait until there are holders to search for and CPU time is left for it.

        The snapshot whose holders to search for, or None when the engine stops.
        """
        with self._changed:
            while not self._state.stopped:
                snapshot = self._sampled.analysis.snapshot if self._sampled else None
                left = search.due_in_s(snapshot)
                if snapshot is not None and left is not None and left <= 0:
                    return snapshot
                self._changed.wait(left)
        return None
