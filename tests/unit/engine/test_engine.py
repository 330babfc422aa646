"""The real threads of the engine. A read of the source ends only when the test answers it."""

import gc
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from queue import Empty, Queue
from typing import Any, NoReturn

import pytest

from tests.support.known_owners import InstantSearch
from tests.support.sock_diag_dump import make_sample, many
from twtop.engine.engine import Engine, Subscriber
from twtop.frame.build import build_frame
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Process, Snapshot
from twtop.processes.fd_search import Search
from twtop.sources.probe import CollectError, Request, Sample
from twtop.sources.source import Source

AT_ONCE_S, NEVER_S = 0.001, 3600
PATIENCE_S = 10
"""How long a test waits for what must happen."""

LONG_S = 0.1
"""How long a test watches that something does not happen: a hundred intervals."""

Answer = Exception | Sample | None


class Kernel:
    """A source. Each read waits for an answer of the test: an error, a sample, or None for a sample of its own."""

    def __init__(self) -> None:
        self.reads = 0
        self._begun: Queue[float] = Queue()
        self._answers: Queue[Answer] = Queue()

    def open(self) -> Source:
        return self

    def read(self, _: Request) -> Sample:
        self.reads += 1
        self._begun.put(time.monotonic())
        answer = self._answers.get(timeout=PATIENCE_S)
        if isinstance(answer, Exception):
            raise answer
        ports = range(40000, 40000 + self.reads)
        own = make_sample(many("10.0.0.1", "10.0.0.5:443", lports=ports, inode=ports), at=self.reads)
        return answer or own

    def begun(self) -> float:
        """Wait for the next read to begin; the time when it did."""
        return self._begun.get(timeout=PATIENCE_S)

    def begins(self) -> bool:
        """Whether a read begins within LONG_S."""
        try:
            self._begun.get(timeout=LONG_S)
        except Empty:
            return False
        return True

    def answer(self, *answers: Answer) -> None:
        for answer in answers or (None,):
            self._answers.put(answer)


class Desk:
    """Where the engine's callbacks arrive, in their order."""

    def __init__(self) -> None:
        self.news: Queue[Any] = Queue()

    def frame(self) -> Frame:
        found = self.news.get(timeout=PATIENCE_S)
        assert isinstance(found, Frame), found
        return found

    @property
    def everything(self) -> Subscriber:
        return Subscriber(self.news.put, self.news.put, self.news.put)


@pytest.fixture
def owners() -> dict[int, Process]:
    """What the search in /proc finds."""
    return {}


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def engine(kernel: Kernel, desk: Desk, owners: dict[int, Process]) -> Iterator[Engine]:
    """An engine that has not been started. Its threads end with the test."""
    before = set(threading.enumerate())
    made = Engine(kernel.open, View(), AT_ONCE_S, search=lambda: InstantSearch(owners))
    made.subscribe(desk.everything)
    yield made
    kernel.answer(*[None] * 9)
    if set(threading.enumerate()) != before:
        made.stop()
    assert set(threading.enumerate()) == before


def test_there_is_a_frame_for_each_sample(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    engine.start()
    for tick in (1, 2, 3):
        kernel.begun()
        kernel.answer()
        found = desk.frame()
        assert (found.tick, len(found.snapshot.sockets)) == (tick, tick)
        assert (found.rates["TW"] is None) == (tick == 1)


def test_reads_begin_an_interval_apart(engine: Engine, kernel: Kernel) -> None:
    engine.set_interval(0.1)
    kernel.answer(*[None] * 4)
    engine.start()
    gaps = [later - earlier for earlier, later in pairwise(kernel.begun() for _ in range(4))]
    assert 0.05 < min(gaps) < 0.4  # the others may be late on a busy machine


def test_another_interval_takes_effect_at_once(engine: Engine, kernel: Kernel) -> None:
    engine.set_interval(NEVER_S)
    engine.start()
    kernel.begun()
    kernel.answer()
    assert not kernel.begins()
    engine.set_interval(AT_ONCE_S)
    kernel.begun()


def test_another_view_is_answered_while_a_read_hangs(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    engine.start()
    kernel.begun()
    kernel.answer()
    first = desk.frame()
    kernel.begun()  # and gets no answer
    for by in (GroupBy.SERVICE, GroupBy.PREFIX):
        engine.show(View(group_by=by))
        found = desk.frame()
        assert (found.view.group_by, found.groups.by, found.tick) == (by, by, 1)
        assert found.snapshot is first.snapshot
    assert kernel.reads == 2
    kernel.answer()
    found = desk.frame()
    assert (found.view.group_by, found.tick) == (GroupBy.PREFIX, 2)


def test_the_same_view_is_not_answered_twice(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    engine.start()
    kernel.begun()
    kernel.answer()
    desk.frame()
    engine.show(View())
    engine.show(View(group_by=GroupBy.SERVICE))
    assert desk.frame().view.group_by is GroupBy.SERVICE


def test_pause_stops_the_reads_and_not_the_view(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    engine.start()
    kernel.begun()
    engine.pause(True)
    kernel.answer()
    assert desk.frame().tick == 1
    assert not kernel.begins()
    engine.show(View(group_by=GroupBy.SERVICE))
    assert desk.frame().tick == 1
    engine.pause(False)
    kernel.begun()


def test_refresh_reads_once_while_paused(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    engine.pause(True)
    engine.start()
    assert not kernel.begins()
    for tick in (1, 2):
        engine.refresh()
        kernel.begun()
        kernel.answer()
        assert desk.frame().tick == tick
        assert not kernel.begins()


def test_refresh_reads_before_the_interval_is_over(engine: Engine, kernel: Kernel) -> None:
    engine.set_interval(NEVER_S)
    engine.start()
    kernel.begun()
    engine.refresh()  # the read that has begun may be too old for this
    kernel.answer()
    kernel.begun()


DAMAGED = replace(make_sample(), dump=b"what")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(CollectError("the kernel is busy"), "the kernel is busy"), (DAMAGED, "socket dump is cut off: 4 bytes")],
)
def test_a_fault_is_reported_and_the_next_tick_tries_again(
    engine: Engine, kernel: Kernel, desk: Desk, answer: Answer, reason: str
) -> None:
    kernel.answer(answer, answer, None)
    engine.start()
    for _ in range(2):
        assert reason in desk.news.get(timeout=PATIENCE_S)
    assert desk.frame().tick == 1


DEFECT = ZeroDivisionError("a defect")


def fail(*_: object) -> NoReturn:
    raise DEFECT


class Broken(Search):
    """A search that cannot be made."""

    __init__ = fail


def expect_defect(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    """Start an engine with a defect, wait until the defect is reported, and stop the engine."""
    engine.subscribe(desk.everything)
    engine.start()
    kernel.answer()
    news = [desk.news.get(timeout=PATIENCE_S)]
    while news[-1] is not DEFECT:  # if the defect is in another thread, a frame may come first
        news.append(desk.frame())
    assert len(news) <= 2
    engine.stop()


def test_a_defect_of_the_source_is_reported(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    kernel.answer(DEFECT)
    engine.start()
    kernel.begun()
    assert desk.news.get(timeout=PATIENCE_S) is DEFECT
    assert not kernel.begins()


@pytest.mark.parametrize("name", ["sampler.decode", "pipeline.build_frame"])
def test_a_defect_of_twtop_is_reported(kernel: Kernel, desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(f"twtop.engine.{name}", fail)
    expect_defect(Engine(kernel.open, View(), NEVER_S), kernel, desk)


def test_a_defect_of_the_search_is_reported(kernel: Kernel, desk: Desk) -> None:
    expect_defect(Engine(kernel.open, View(), NEVER_S, search=Broken), kernel, desk)


@pytest.mark.parametrize("opens", [True, False])
def test_a_defect_of_the_source_or_of_the_subscriber_is_reported(kernel: Kernel, desk: Desk, opens: bool) -> None:
    engine = Engine(kernel.open if opens else fail, View(), NEVER_S)
    engine.subscribe(Subscriber(fail, fail, desk.news.put))
    kernel.answer()
    engine.start()
    assert desk.news.get(timeout=PATIENCE_S) is DEFECT
    engine.stop()


def test_a_socket_has_its_owner_as_soon_as_the_search_finds_it(
    engine: Engine, kernel: Kernel, desk: Desk, owners: dict[int, Process]
) -> None:
    owners[40000] = Process(7, "wrk")
    kernel.answer(*[None] * 1000)
    engine.start()
    while not (found := desk.frame()).owners.processes:
        assert found.tick < 1000
    assert found.owners.process[0] == 0
    assert found.owners.processes == (Process(7, "wrk"),)


@pytest.mark.parametrize("by", [GroupBy.PROCESS, GroupBy.PEER])
def test_new_owners_make_a_new_frame_of_the_same_sample_where_they_matter(
    engine: Engine, kernel: Kernel, desk: Desk, owners: dict[int, Process], by: GroupBy
) -> None:
    owners[40000] = Process(7, "wrk")
    engine.show(View(group_by=by))
    engine.pause(True)
    engine.refresh()
    kernel.answer()
    engine.start()
    found = [desk.frame()]
    if by is GroupBy.PROCESS and not found[0].owners.processes:  # the search may be done before the first frame
        found.append(desk.frame())
        assert found[1].owners.processes == (Process(7, "wrk"),)
    assert {each.tick for each in found} == {1}
    time.sleep(LONG_S)
    assert desk.news.empty()


def test_stop_ends_every_thread(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    before = threading.active_count()
    engine.start()
    kernel.begun()
    kernel.answer()
    desk.frame()
    assert threading.active_count() > before
    engine.pause(True)
    kernel.answer()
    engine.stop()
    assert threading.active_count() == before
    assert all(isinstance(news, Frame) for news in list(desk.news.queue))


def snapshots() -> int:
    """How many there are in this process."""
    gc.collect()
    return sum(isinstance(each, Snapshot) for each in gc.get_objects())


def test_an_engine_that_was_stopped_holds_no_sockets(engine: Engine, kernel: Kernel, desk: Desk) -> None:
    """The app holds the first one for good, wherever its user has gone."""
    before = snapshots()
    engine.start()
    kernel.begun()
    kernel.answer()
    desk.frame()
    kernel.begun()
    engine.pause(True)
    kernel.answer()
    engine.stop()
    assert snapshots() <= before


def test_a_stopped_engine_does_not_keep_what_is_read_later(engine: Engine, kernel: Kernel) -> None:
    before = snapshots()
    engine.start()
    kernel.begun()
    engine.stop()
    (hanging,) = (thread for thread in threading.enumerate() if thread.name == "collect")
    kernel.answer()
    hanging.join(PATIENCE_S)
    assert not hanging.is_alive()
    assert snapshots() <= before


@pytest.mark.parametrize("answer", [CollectError("too late"), DEFECT, None])
def test_a_read_that_ends_after_stop_is_not_reported(
    engine: Engine, kernel: Kernel, desk: Desk, answer: Answer
) -> None:
    """The read hangs in the kernel, and stop() does not wait until it ends."""
    engine.start()
    kernel.begun()
    started = time.monotonic()
    engine.stop()
    assert time.monotonic() - started < PATIENCE_S / 2
    (hanging,) = (thread for thread in threading.enumerate() if thread.name == "collect")
    kernel.answer(answer)
    hanging.join(PATIENCE_S)
    assert not hanging.is_alive()
    assert desk.news.empty()


def test_of_frames_before_anybody_subscribes_the_last_one_is_kept(
    kernel: Kernel, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may hold hundreds of thousands of sockets, and there are ten while the screen is being loaded."""
    begun: Queue[None] = Queue()

    def build(*inputs: Any) -> Frame:
        begun.put(None)
        return build_frame(*inputs)

    monkeypatch.setattr("twtop.engine.pipeline.build_frame", build)
    engine = Engine(kernel.open, View(), AT_ONCE_S)
    engine.start()
    for _ in range(3):
        kernel.begun()
        kernel.answer()
        begun.get(timeout=PATIENCE_S)
    engine.subscribe(desk.everything)  # while the third one is built
    ticks = [desk.frame().tick]
    while ticks[-1] < 3:
        ticks.append(desk.frame().tick)
    assert ticks in ([2, 3], [3])
    kernel.answer(*[None] * 9)
    engine.stop()


def test_what_happens_before_anybody_subscribes_is_delivered_first(kernel: Kernel, desk: Desk) -> None:
    """Nothing is lost, repeated or out of order."""
    engine = Engine(kernel.open, View(), AT_ONCE_S)
    engine.start()
    kernel.begun()
    kernel.answer(CollectError("not yet"), None)
    kernel.begun()
    kernel.begun()  # both answers have been read
    engine.subscribe(desk.everything)
    assert desk.news.get(timeout=PATIENCE_S) == "not yet"
    assert desk.frame().tick == 1
    engine.start()  # as the screen does with any engine
    kernel.answer()
    assert desk.frame().tick == 2
    kernel.answer(*[None] * 9)
    engine.stop()
