"""Glimpses by the real threads of the engine: when, in which thread, and who sees what they bring."""

import threading
from collections.abc import Iterator
from functools import partial
from queue import Queue

import numpy as np
import pytest

from tests.support.glimpsed import Crowd
from tests.support.in_namespace import wait_until
from tests.support.known_owners import InstantSearch
from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.engine.engine import Engine, Subscriber
from twtop.engine.glimpses import ENOUGH, GAP_S, Glimpses
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Process
from twtop.sources.probe import HELD_ONLY, CollectError, Request, Sample
from twtop.sources.source import Source

BY_PROCESS, CURL, NEVER_S = View(group_by=GroupBy.PROCESS), Process(30, "curl"), 3600
LONG_S = 3 * GAP_S
"""How long a test watches that something does not happen."""


class Load:
    """A source: a load to 10.0.0.5:443, of which a process holds the socket 7. It fails in glimpses if it is told to.

    `dumps` and `glimpses` are the threads in which it was read.
    """

    def __init__(self) -> None:
        self.dumps: list[int] = []
        self.glimpses: list[int] = []
        self.fails = False

    def open(self) -> Source:
        return self

    def read(self, request: Request) -> Sample:
        if request.states == HELD_ONLY.states:
            self.glimpses.append(threading.get_ident())
            if self.fails:
                raise CollectError("busy")
            return make_sample(sock("10.0.0.1:50000", "10.0.0.5:443", inode=7))
        self.dumps.append(threading.get_ident())
        left = 60 - np.linspace(0, 20, 400)
        closed = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=np.arange(400) + 33000, remaining=left)
        return make_sample(closed, at=len(self.dumps))


@pytest.fixture
def load() -> Load:
    return Load()


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def news() -> Queue[object]:
    return Queue()


@pytest.fixture
def engine(load: Load, crowd: Crowd, news: Queue[object]) -> Iterator[Engine]:
    """An engine that reads once and then never again, of a view without owners."""
    glimpses = partial(Glimpses, crowd)
    made = Engine(load.open, View(), NEVER_S, search=lambda: InstantSearch({}), glimpses=glimpses)
    made.subscribe(Subscriber(news.put, news.put, news.put))
    made.start()
    yield made
    made.stop()


def quiet(load: Load) -> bool:
    """Whether there is no glimpse for LONG_S. One may still be under way: ask again."""
    before = len(load.glimpses)
    threading.Event().wait(LONG_S)
    return len(load.glimpses) == before


def shown(news: Queue[object]) -> Frame:
    found = news.get(timeout=10)
    assert isinstance(found, Frame), found
    return found


def test_a_view_without_owners_takes_none(engine: Engine, load: Load, news: Queue[object]) -> None:
    shown(news)
    assert quiet(load)
    engine.show(BY_PROCESS)
    wait_until(lambda: len(load.glimpses) >= 2, what="glimpses")
    assert {*load.glimpses} == {*load.dumps}  # the thread that may be in another namespace
    engine.show(View())
    while shown(news).view == BY_PROCESS:
        pass
    wait_until(lambda: quiet(load), what="no more glimpses")


def test_a_paused_engine_takes_none(engine: Engine, load: Load) -> None:
    engine.show(BY_PROCESS)
    wait_until(lambda: load.glimpses, what="a glimpse")
    engine.pause(True)
    wait_until(lambda: quiet(load), what="no more glimpses")
    engine.pause(False)
    before = len(load.glimpses)
    wait_until(lambda: len(load.glimpses) > before, what="a glimpse")


def test_whoever_is_met_is_shown_before_the_next_reading_and_then_left_alone(
    engine: Engine, load: Load, crowd: Crowd, news: Queue[object]
) -> None:
    engine.show(BY_PROCESS)
    wait_until(lambda: load.glimpses, what="a glimpse")
    crowd.holding[7] = CURL
    while CURL not in (found := shown(news)).owners.processes:
        pass
    assert (found.tick, len(load.dumps)) == (1, 1)
    assert (found.owners.process >= 0).all()
    assert found.owners.met.all()
    wait_until(lambda: len(load.glimpses) >= ENOUGH, what="further glimpses")
    wait_until(lambda: quiet(load), what="no more glimpses")


def test_a_fault_of_a_glimpse_is_none_of_a_reading(engine: Engine, load: Load, news: Queue[object]) -> None:
    load.fails = True
    engine.show(BY_PROCESS)
    wait_until(lambda: len(load.glimpses) >= 2, what="glimpses")
    engine.refresh()
    while shown(news).tick == 1:
        pass
