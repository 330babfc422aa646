"""What the monitor holds is the same after any number of readings, whatever comes and goes in them."""

import gc
import weakref
from collections import Counter
from functools import partial
from typing import Any, cast

import numpy as np

from tests.support.at_rest import at_rest
from tests.support.known_owners import InstantSearch
from tests.support.monitor_pilot import Stage, monitor
from tests.support.monitor_samples import lab, later
from tests.support.sock_diag_dump import make_sample, many
from tests.ui.test_namespaces import BLUE, HOME, catalog
from twtop.engine.engine import Engine, Subscriber
from twtop.engine.owner_search import OwnerSearch
from twtop.engine.pipeline import Pipeline
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Process
from twtop.sources.probe import Request, Sample
from twtop.sources.source import ReadBy
from twtop.ui.app import TwtopApp
from twtop.ui.engine_holder import EngineHolder
from twtop.ui.messages import FrameReady
from twtop.ui.monitor import Monitor

COME_AND_GO, STAY_TICKS, APART_S = 10, 8, 10
"""How many peers and processes come with each tick, for how many ticks they stay, and seconds between two ticks."""

SETTLED, LATER = 30, 110
"""Ticks. By the first one all that is kept for a span of time has been kept for longer."""


class EngineByHand(Engine):
    """Reads and builds in the thread that asks. Each reading has other peers, ports, inodes and processes.

    A thread that runs beside gc.get_objects() may fail: nobody else may know a tuple while it grows (_PyTuple_Resize).
    """

    def __init__(self, view: View) -> None:
        super().__init__(partial(ReadBy, self._read), view, 1.0)
        self._view, self.reads = view, 0
        self._pipeline = Pipeline(partial(ReadBy, self._read))
        owners = {inode: Process(inode, f"worker-{inode}") for inode in range((LATER + STAY_TICKS + 1) * COME_AND_GO)}
        self._owners = OwnerSearch(InstantSearch(owners))

    def _read(self, _: Request) -> Sample:
        self.reads += 1
        numbers = np.arange(self.reads * COME_AND_GO, (self.reads + STAY_TICKS) * COME_AND_GO)
        waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=20_000 + numbers % 30_000, remaining=30.0)
        held = many("10.0.0.1", "10.0.0.5:80", lports=20_000 + numbers % 30_000, inode=numbers)
        for block in (waiting, held):
            block["remote"] = [np.void(b"\x0a" + number.to_bytes(3) + bytes(12)) for number in numbers.tolist()]
        return make_sample(waiting, held, at=self.reads * APART_S)

    def subscribe(self, subscriber: Subscriber) -> None:
        self._listener = subscriber

    def start(self) -> None:
        self.refresh()

    def stop(self) -> None:
        """Nothing runs."""

    def refresh(self) -> None:
        sampled = self._pipeline.read(1.0, self._view.query, now=True)
        found = self._owners.complete(sampled.analysis.snapshot)
        self._listener.on_frame(self._pipeline.build(sampled, self._view, found))


def objects() -> Counter[str]:
    """Type → how many there are of it, of the types that the search for garbage knows, once that is done."""
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


async def test_nothing_is_kept_for_each_reading_or_of_what_came_and_went() -> None:
    """Caches of fixed size may still fill, so a few objects more prove nothing."""
    view = View(group_by=GroupBy.PROCESS)
    engine = EngineByHand(view)
    app = TwtopApp(engine, view, 1.0)
    held = {}
    async with app.run_test(size=(80, 24)):
        assert isinstance(app.screen, Monitor)
        while engine.reads < LATER:
            engine.refresh()
            await at_rest(app)  # Pilot.pause would leave asyncio's cancelled timers
            if engine.reads in (SETTLED, LATER):
                held[engine.reads] = objects()
        assert app.screen.frame is not None
        assert app.screen.frame.tick == LATER
        assert app.screen.frame.owners.processes[-1].name.startswith("worker-")
    grown = held[LATER] - held[SETTLED]
    assert max(grown.values(), default=0) < LATER - SETTLED, grown.most_common(9)


def test_one_frame_waits_for_a_screen_that_is_busy() -> None:
    """As big as a frame may be, with hundreds of thousands of sockets, those before it are let go."""

    class Big:
        """Stands for a frame, which has no place for a weak reference."""

    posted: list[Any] = []
    engine = EngineByHand(View())
    engine.start = lambda: None  # type: ignore[method-assign]
    holder = EngineHolder(engine, View(), 1.0, posted.append)
    holder.start()
    frames = [Big() for _ in range(5)]
    alive = [weakref.ref(each) for each in frames]
    while frames:
        engine._listener.on_frame(cast(Frame, frames.pop(0)))
    assert [each() is not None for each in alive] == [False] * 4 + [True]
    assert {type(message) for message in posted} == {FrameReady}
    assert cast(Any, holder.take_frame()) is alive[-1]()
    assert holder.take_frame() is None


def sockets(stage: Stage) -> weakref.ref[Any]:
    """A column of the sockets on the screen."""
    return weakref.ref(stage.frame.snapshot.sockets.state)


def is_held(column: weakref.ref[Any]) -> bool:
    gc.collect()
    return column() is not None


async def test_a_drill_down_that_was_closed_holds_no_sockets() -> None:
    async with monitor(*(later(lab(), seconds) for seconds in range(3))) as stage:
        await stage.press("enter")
        await stage.until_shown("sockets ──")
        drilled = sockets(stage)
        await stage.press("escape")
        await stage.tick()
        await stage.until(lambda: not is_held(drilled), "them let go")
        await stage.press("enter")
        await stage.until_shown("sockets ──")


async def test_a_namespace_that_was_left_holds_no_sockets() -> None:
    async with monitor(lab(), catalog=catalog(HOME, BLUE)) as stage:
        home = sockets(stage)
        await stage.press("N")
        await stage.until_shown("blue")
        await stage.press("down", "enter")
        await stage.until_shown("netns blue")
        await stage.until(lambda: not is_held(home), "them let go")
