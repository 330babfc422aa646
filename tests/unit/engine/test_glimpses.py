"""When glimpses are taken of which destinations, when no more, what they cost, and what is kept of them."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.built_frames import Run, frame
from tests.support.glimpsed import Crowd
from tests.support.sock_diag_dump import Block, encode, make_sample, many, sock
from twtop.engine.glimpses import (
    ENOUGH,
    GAP_S,
    LEAST_RECENT,
    MORE_TRIES,
    MOST_KEPT,
    MOST_WANTED,
    REST_S,
    SAVED_S,
    STALE_S,
    TRIES,
    Destination,
    Glimpses,
    Wanted,
    wanted,
)
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, Key, View
from twtop.model import Process, Sockets
from twtop.processes.sightings import KEPT_S, Sighting, Sightings
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.probe import CollectError

BY_PROCESS = View(group_by=GroupBy.PROCESS)
CURL, WRK = Process(30, "curl"), Process(20, "wrk")
MAPPED = 0xFFFF << 32


def ip(text: str) -> int:
    """An IPv4 address as 128 bits."""
    return MAPPED | int.from_bytes(bytes(map(int, text.split("."))))


def to(port: int) -> Destination:
    return Destination(ip("10.0.0.1"), ip("10.0.0.5"), port)


def closed(
    port: int = 443, count: int = 400, ages: tuple[float, float] = (0, 20), local: str = "10.0.0.1", first: int = 33000
) -> Block:
    """TIME_WAIT of a load, of these ages in seconds."""
    left = 60 - np.linspace(*ages, count)
    return many(local, f"10.0.0.5:{port}", "TIME_WAIT", lports=np.arange(count) + first, remaining=left)


def opened(port: int, inode: int) -> Block:
    return sock("10.0.0.1:50000", f"10.0.0.5:{port}", inode=inode)


def sighting(at: float, count: int = 1, port: int = 443) -> Sighting:
    blocks = [sock(f"10.0.0.1:{50_000 + i}", f"10.0.0.5:{port}", inode=1 + i) for i in range(count)]
    return Sighting(at, decode_dump(encode(*blocks)), np.zeros(count, np.int32), (CURL,))


# What is wanted


def test_a_load_whose_owner_is_unknown_is_wanted() -> None:
    found = frame(closed(443), closed(444, count=800), view=BY_PROCESS)
    assert wanted(found, ()) == (to(444), to(443))


@pytest.mark.parametrize(
    "blocks",
    [
        [closed(count=100)],  # not even a hundredth of the ports
        [closed(ages=(4, 40))],  # a load that is over
        [closed(ages=(0, 2)), opened(443, inode=1)],  # an owner who is known
        [
            sock("0.0.0.0:443", state="LISTEN"),
            many("10.0.0.5:443", "10.0.0.1", "TIME_WAIT", rports=range(33000, 33400)),
        ],
    ],
)
def test_what_is_small_or_over_or_known_or_inbound_is_not(blocks: list[Block]) -> None:
    assert wanted(frame(*blocks, view=BY_PROCESS, owners={1: CURL}), ()) == ()


def test_only_what_is_drilled_into_is_wanted() -> None:
    view = View(drill=Key(remote=ip("10.0.0.5"), port=443))
    assert wanted(frame(closed(443), closed(444), view=view), ()) == (to(443),)


def test_the_most_pressed_are_wanted() -> None:
    loads = [closed(count=400 + i, local=f"10.0.1.{i}", first=33000 + 500 * i) for i in range(MOST_WANTED + 2)]
    most = tuple(Destination(ip(f"10.0.1.{i}"), ip("10.0.0.5"), 443) for i in range(MOST_WANTED + 1, 1, -1))
    assert wanted(frame(*loads, view=BY_PROCESS), ()) == most


@pytest.mark.parametrize("change", [{"is_this_machine": False}, {"source": "psutil"}])
def test_what_cannot_be_searched_for_is_not_wanted(change: dict[str, object]) -> None:
    found = frame(closed(), view=BY_PROCESS)
    holders_told = {"holders": {}} if "source" in change else change
    snapshot = replace(found.snapshot, **holders_told)  # type: ignore[arg-type]
    analysis = replace(found.analysis, reading=replace(found.analysis.reading, snapshot=snapshot))
    assert wanted(replace(found, analysis=analysis), ()) == ()


def seen_at(ages: Iterable[float]) -> tuple[Frame, Sightings]:
    """A frame, and sightings so many seconds before it, which say who the owner is."""
    run = Run()
    run.tick(make_sample(closed()))
    found = run.show(BY_PROCESS)
    return found, tuple(sighting(found.snapshot.mono - age) for age in ages)


@pytest.mark.parametrize(
    ("ages", "goes_on"),
    [
        ([1] * (ENOUGH - 1), True),
        ([1] * ENOUGH, False),
        ([STALE_S - 1] * ENOUGH, False),
        ([STALE_S + 1] * ENOUGH, True),
        ([STALE_S + 1, *[1] * ENOUGH], False),
    ],
)
def test_some_sightings_are_enough_until_they_are_stale(ages: list[float], goes_on: bool) -> None:
    found, sightings = seen_at(ages)
    assert (wanted(found, sightings) == (to(443),)) == goes_on


def test_one_sighting_of_several_connections_counts_them_all() -> None:
    found, _ = seen_at([])
    assert wanted(found, (sighting(found.snapshot.mono, ENOUGH),)) == ()
    assert wanted(found, (sighting(found.snapshot.mono, ENOUGH, port=444),)) == (to(443),)


# When they are taken


class Clock:
    """Glimpses in a time that the test makes. Each reads `blocks`, or fails."""

    def __init__(self) -> None:
        self.now, self.spent, self.read_s = 100.0, 0.0, 0.0
        self.crowd = Crowd()
        self.glimpses = Glimpses(self.crowd, lambda: self.now, lambda: self.spent)
        self.blocks: list[Block] = []
        self.fault: CollectError | None = None
        self.reads = 0

    def held(self, bytecode: bytes) -> Sockets:
        assert bytecode
        self.reads += 1
        self.spent += self.read_s
        if self.fault:
            raise self.fault
        return decode_dump(encode(*self.blocks))

    def due(self, *destinations: Destination, spare: float = 1.0) -> float | None:
        return self.glimpses.due_in_s(destinations, spare)

    def take(self, *destinations: Destination) -> Sightings:
        return self.glimpses.take(destinations, self.held)

    def go_on(self, seconds: float, wanted: Wanted, spare: float = 1.0) -> int:
        """Take each glimpse when it is due; how many."""
        end, before = self.now + seconds, self.reads
        while (due := self.due(*wanted, spare=spare)) is not None and self.now + due < end:
            self.now += max(0.0, due)
            self.take(*wanted)
        self.now = end
        return self.reads - before


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_none_is_due_while_nothing_is_wanted_or_no_time_is_left(clock: Clock) -> None:
    assert clock.due() is None
    assert clock.due(to(443), spare=0.0) is None
    assert clock.due(to(443)) <= 0  # type: ignore[operator]


def test_several_are_taken_in_a_second(clock: Clock) -> None:
    assert clock.go_on(5 * GAP_S - 0.01, (to(443),)) == 5


@pytest.mark.parametrize(("read_s", "watch_s"), [(0.04, 0.0), (0.03, 0.01), (0.4, 0.1)])
def test_they_take_no_more_of_a_cpu_than_is_left(clock: Clock, read_s: float, watch_s: float) -> None:
    clock.read_s, clock.crowd.cost_s = read_s, watch_s
    taken = clock.go_on(20, (to(443),), spare=0.05)
    assert 0.05 * 20 - (read_s + watch_s) <= taken * (read_s + watch_s) <= 0.05 * 20 + (read_s + watch_s)


def test_what_was_saved_lately_is_spent_at_once(clock: Clock) -> None:
    clock.read_s = 0.05
    clock.now += 1000
    assert SAVED_S <= clock.go_on(1, (to(443),), spare=0.05) <= SAVED_S + 2  # each takes what a second leaves
    assert clock.go_on(20, (to(443),), spare=0.05) == pytest.approx(20, abs=1)


def test_it_gives_up_after_a_while_and_tries_again_seldom(clock: Clock) -> None:
    found = [clock.go_on(REST_S, (to(443),)) for _ in range(5)]
    assert found == [TRIES, MORE_TRIES, MORE_TRIES, MORE_TRIES, MORE_TRIES]


def test_another_destination_gets_its_own_tries(clock: Clock) -> None:
    clock.go_on(REST_S / 2, (to(443),))
    assert clock.due(to(443)) > REST_S / 4  # type: ignore[operator]
    assert clock.go_on(REST_S / 2, (to(443), to(444))) == TRIES


def test_what_is_wanted_no_more_and_then_again_does_not_begin_anew(clock: Clock) -> None:
    clock.go_on(REST_S / 2, (to(443),))
    clock.take(to(444))
    assert clock.due(to(443)) > REST_S / 4  # type: ignore[operator]
    clock.now += 10 * REST_S
    clock.take(to(444))
    assert clock.go_on(REST_S, (to(443),)) == TRIES


def test_one_that_rests_is_not_looked_at(clock: Clock) -> None:
    clock.go_on(REST_S / 2, (to(443),))
    before = clock.reads
    clock.take(to(443))
    clock.take()
    assert clock.reads == before


def test_whoever_is_met_is_no_failure(clock: Clock) -> None:
    clock.blocks, clock.crowd.holding = [opened(443, 7)], {7: CURL}
    assert clock.go_on(REST_S, (to(443),)) > 2 * TRIES


# What is kept


def test_who_holds_a_connection_was_seen(clock: Clock) -> None:
    clock.blocks = [opened(443, 7), opened(444, 8), opened(445, 9), opened(443, 10)[:0]]
    clock.crowd.holding = {7: CURL, 9: WRK}
    (found,) = clock.take(to(443), to(444))
    assert (found.at, found.sockets.rport.tolist(), found.sockets.inode.tolist()) == (100.0, [443], [7])
    assert [found.processes[code] for code in found.process] == [CURL]


def test_a_glimpse_without_anything_new_changes_nothing(clock: Clock) -> None:
    clock.blocks, clock.crowd.holding = [opened(443, 7)], {7: CURL}
    found = clock.take(to(443))
    clock.crowd.holding = {}
    assert clock.take(to(443)) is found
    clock.fault = CollectError("the kernel is busy")
    assert clock.take(to(443)) is found


def test_old_sightings_are_dropped(clock: Clock) -> None:
    clock.blocks, clock.crowd.holding = [opened(443, 7)], {7: CURL}
    clock.take(to(443))
    clock.now += KEPT_S
    assert [each.at for each in clock.take(to(443))] == [clock.now]
    for _ in range(2 * MOST_KEPT):
        found = clock.take(to(443))
    assert len(found) == MOST_KEPT


def test_the_least_load_is_one_a_second() -> None:
    young = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40000 + LEAST_RECENT), remaining=59)
    old = closed(ages=(10, 50))
    assert wanted(frame(old, young, view=BY_PROCESS), ()) == (to(443),)
    assert wanted(frame(old, young[1:], view=BY_PROCESS), ()) == ()
