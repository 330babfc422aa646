"""The thread that empties the sockets of a subscription: what it counts, what it takes for lost, and how it ends."""

import errno
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.sources.test_failed_connects import head
from twtop.sources import failed_connects
from twtop.sources.decode_failed_connects import ROW
from twtop.sources.failed_connects import MOST_ROWS, TENTHS_KEPT, Subscription, Tally

BATCH = 4
Waiting = list[NDArray[np.void] | OSError]


class Scripted:
    """A Batch whose messages and errors the test says. It is empty once they are told."""

    waiting: ClassVar[Waiting] = []

    def __len__(self) -> int:
        return BATCH

    def receive(self, _: socket.socket) -> NDArray[np.void]:
        if not self.waiting:
            raise BlockingIOError
        told = self.waiting.pop(0)
        if isinstance(told, OSError):
            raise told
        return told


def heads(count: int) -> NDArray[np.void]:
    return np.concatenate([head("10.0.0.5")] * count)


@pytest.fixture
def subscription(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subscription]:
    """One that has a socket without messages, beside the Scripted ones."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(failed_connects, "open_sockets", lambda *_: [theirs])
    monkeypatch.setattr(failed_connects, "Batch", Scripted)
    monkeypatch.setattr(Scripted, "waiting", [])
    found = Subscription()
    yield found
    if found.is_counting:
        found.leave()
    ours.close()


def taken(subscription: Subscription, *waiting: NDArray[np.void] | OSError) -> tuple[int, int, bool]:
    """(counted, lost, at least) once these have come."""
    Scripted.waiting.extend(waiting)
    table = subscription.take()
    return int(np.frombuffer(table.rows, ROW)["count"].sum()), table.lost, table.at_least


def test_all_that_waits_is_counted(subscription: Subscription) -> None:
    """A full batch is not the last one."""
    assert taken(subscription, heads(BATCH), heads(BATCH), heads(1)) == (2 * BATCH + 1, 0, False)
    assert taken(subscription) == (0, 0, False)


def test_messages_without_room_make_at_least_and_the_others_count(subscription: Subscription) -> None:
    assert taken(subscription, OSError(errno.ENOBUFS, ""), heads(BATCH), heads(2)) == (BATCH + 2, 0, True)
    assert taken(subscription, heads(1)) == (1, 0, False)


def test_after_another_error_nothing_more_is_asked_for_at_once(subscription: Subscription) -> None:
    """Else a socket that is broken would be read for ever."""
    assert taken(subscription, OSError(errno.EBADF, ""), heads(2)) == (0, 0, True)
    assert taken(subscription) == (2, 0, False)


def test_what_has_no_row_of_its_own_is_lost_and_counted(
    subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_connects, "MOST_ROWS", 0)
    assert taken(subscription, heads(3)) == (0, 3, True)


def test_rows_that_are_kept_in_sum_are_counted_as_rows() -> None:
    """There is room for as many more as there would be without the old ones."""
    tally = Tally()
    for tenth in range(TENTHS_KEPT + 10):
        tally.add(tenth, Counter({b"%d" % (tenth % 3): 1}))
    assert tally.rows == TENTHS_KEPT + 3 < MOST_ROWS


def test_what_it_opened_is_closed_when_it_has_left(subscription: Subscription) -> None:
    opened = len([*Path("/proc/self/fd").iterdir()])
    subscription.leave()
    assert not subscription.is_counting
    assert opened - len([*Path("/proc/self/fd").iterdir()]) == 3  # the socket, and both ends of the pipe


class Poll:
    """As select.poll, but it tells what was asked, and nothing happens but what the test says."""

    asked: ClassVar[list[str]] = []
    made: ClassVar[list["Poll"]] = []
    stops_after = 3

    def __init__(self) -> None:
        self._name = ("failure", "stop")[len(self.made)]
        self.made.append(self)

    def register(self, *_: object) -> None:
        """Whatever it is."""

    def poll(self, _: float | None = None) -> bool:
        self.asked.append(self._name)
        return self._name == "stop" and self.asked.count("stop") == self.stops_after


def test_it_sleeps_until_something_fails_and_naps_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never naps twice without a failure: an idle machine is not woken."""
    monkeypatch.setattr(Poll, "asked", [])
    monkeypatch.setattr(Poll, "made", [])
    monkeypatch.setattr(failed_connects, "open_sockets", lambda *_: [])
    monkeypatch.setattr(failed_connects, "Batch", Scripted)
    monkeypatch.setattr("select.poll", Poll)
    subscription = Subscription()
    subscription.leave()
    assert Poll.asked == ["failure", "stop"] * Poll.stops_after
