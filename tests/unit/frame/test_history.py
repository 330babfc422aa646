"""What a run remembers from tick to tick, and the frames that are built from it."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.support.built_frames import Run, filtered, frame, frames
from tests.support.not_none import known
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.frame.by_state import STATES
from twtop.frame.frame import Frame
from twtop.frame.history import TICKS, StateSeries
from twtop.frame.view import GroupBy, Key, SocketSort, View
from twtop.model import Process, TcpState, Timer
from twtop.sources.probe import Sample

NO_NETSTAT = {"net/netstat": None}
NO_SOCKSTAT = {"net/sockstat": None}


def waiting(count: int, remaining: float = 30) -> Block:
    return many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40000 + count), remaining=remaining)


def second(before: Sample, after: Sample) -> Frame:
    return frames(before, after)[1]


# Rates


def test_the_first_tick_knows_no_rates() -> None:
    first = frame(waiting(5))
    assert {"TW", "TWRecycled", "ActiveOpens"} <= first.rates.keys()
    assert set(first.rates.values()) == {None}
    assert (first.total.left_per_s, first.cpu) == (None, None)
    assert np.isnan(first.states.change_per_s).all()


@pytest.mark.parametrize(
    ("before", "after", "per_s"),
    [
        ({"TWRecycled": 10}, {"TWRecycled": 17}, 3.5),
        ({"TWRecycled": 10}, {"TWRecycled": 10}, 0),
        ({"TWRecycled": 10}, {"TWRecycled": 9}, None),  # the counter was reset
    ],
)
def test_a_rate_is_the_growth_of_a_counter(
    before: Mapping[str, int], after: Mapping[str, int], per_s: float | None
) -> None:
    found = second(make_sample(counters=before), make_sample(counters=after, at=2))
    assert found.rates["TWRecycled"] == per_s


def test_a_counter_that_is_new_has_no_rate() -> None:
    found = second(make_sample(files=NO_NETSTAT), make_sample(counters={"TW": 5}, at=1))
    assert (found.rates["TW"], found.rates["ActiveOpens"]) == (None, 0)


def test_counters_that_cannot_be_read_have_no_rates() -> None:
    found = second(make_sample(files=NO_NETSTAT), make_sample(files=NO_NETSTAT, at=1))
    assert "TW" not in found.rates
    assert (found.total.entered_per_s, found.total.left_per_s) == (0, None)


def test_the_cpu_is_that_of_this_process() -> None:
    assert second(make_sample(), make_sample(at=3)).cpu == pytest.approx(0.04)


def test_a_clock_that_stands_still_knows_no_rates() -> None:
    found = second(make_sample(), make_sample(counters={"TW": 1}))
    assert set(found.rates.values()) == {None}
    assert found.cpu is None


# Entries and exits


@pytest.mark.parametrize(
    ("held", "then", "counters", "entered", "left"),
    [
        (30, 50, {"TW": 60, "TWKilled": 10}, 35, 25),
        (50, 30, {"TW": 0, "TWKilled": 0}, 0, 10),
        (50, 50, {"TW": 8, "TWKilled": 0}, 4, 4),
        (30, 50, {"TW": 4, "TWKilled": 0}, 2, 0),  # the two files are not read at one moment
    ],
)
def test_exits_are_entries_less_growth(
    held: int, then: int, counters: Mapping[str, int], entered: float, left: float
) -> None:
    total = second(make_sample(waiting(held)), make_sample(waiting(then), counters=counters, at=2)).total
    assert (total.entered_per_s, total.left_per_s) == (entered, left)


def test_without_sockstat_the_table_tells_the_exits() -> None:
    after = make_sample(waiting(2), counters={"TW": 6, "TWKilled": 2}, files=NO_SOCKSTAT, at=2)
    total = second(make_sample(files=NO_SOCKSTAT), after).total
    assert (total.entered_per_s, total.left_per_s) == (4, 3)


@pytest.mark.parametrize("count", [1, 2])
def test_without_two_counters_the_timers_tell_the_entries(count: int) -> None:
    """12 entered in the last 6 s. At the second tick the counters have been reset."""
    samples = [make_sample(waiting(12, 58), counters={"TW": 9 - at}, at=at) for at in range(count)]
    total = frames(*samples)[-1].total
    assert (total.entered_per_s, total.left_per_s) == (2, None)


def test_every_time_wait_was_entered_and_will_be_released() -> None:
    """Two kinds are not counted: one whose minute is over but waits for the wheel, and one that leaves even later."""
    ages = np.array([0, 0.4, 18.8, 59.2, 60])
    closed = sock("10.0.0.1:9", "10.0.0.5:443", "FIN_WAIT2", timer=Timer.TIMEWAIT, remaining=9)
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40005), remaining=60 - ages)
    total = frame(block, closed).total
    assert (total.count, known(total.entered).sum(), known(total.releases).sum()) == (5, 4, 3)
    assert len(known(total.entered)) == len(known(total.releases)) == len(known(total.forecast)) == 60
    assert np.flatnonzero(known(total.entered)).tolist() == [0, 41, 59]
    assert known(total.entered)[[0, 41, 59]].tolist() == [1, 1, 2]


def test_the_soonest_released_are_first() -> None:
    """A release may be late by a step of the kernel's timer wheel, which is some seconds at most."""
    total = frame(waiting(7, remaining=2)).total
    assert known(total.releases)[2:8].sum() == 7
    assert known(total.forecast)[:2].tolist() == [7, 7]


# Earlier ticks


def test_a_change_of_states_is_the_difference_per_second() -> None:
    before = make_sample(waiting(10), sock("0.0.0.0:80", state="LISTEN"))
    states = second(before, make_sample(waiting(4), sock("10.0.0.1:9", "10.0.0.2:9"), at=2)).states
    expected = {TcpState.TIME_WAIT: -3, TcpState.LISTEN: -0.5, TcpState.ESTABLISHED: 0.5}
    assert states.change_per_s.tolist() == [expected.get(state, 0) if state else 0 for state in [0, *TcpState]]
    assert {state: int(states.count[state]) for state in TcpState if states.count[state]} == {
        TcpState.TIME_WAIT: 4,
        TcpState.ESTABLISHED: 1,
    }


def test_counts_go_back_as_far_as_the_timeline_and_no_further() -> None:
    found = frames(*(make_sample(waiting(1 + at % 7), at=at) for at in range(TICKS + 5)))
    for length, each in ((1, found[0]), (3, found[2]), (TICKS, found[TICKS - 1]), (TICKS, found[-1])):
        assert len(each.total.times) == len(each.total.counts) == len(each.states.series) == length
        assert each.total.times.tolist() == list(range(1 - length, 1))
    counts = [1 + at % 7 for at in range(5, TICKS + 5)]
    assert found[-1].total.counts.tolist() == counts
    assert found[-1].states.series[:, TcpState.TIME_WAIT].tolist() == counts
    assert [each.tick for each in found] == list(range(1, TICKS + 6))


class Growing(Run):
    """A run in which TIME_WAIT grow while the user changes the view."""

    ticks = 0

    def go_on(self) -> None:
        self.tick(make_sample(waiting(10 + self.ticks), sock("1.1.1.1:1", "2.2.2.2:2"), at=self.ticks))
        self.ticks += 1


def test_the_counts_of_a_filter_begin_when_it_is_first_used() -> None:
    run, port = Growing(), filtered("443")
    for _ in range(3):
        run.go_on()
        run.show(View())
    for length in (1, 2, 3):
        found = run.show(port)
        assert found.matching.counts.tolist() == [12, 13, 14][:length]
        assert found.states.series.sum(axis=1).tolist() == [12, 13, 14][:length]
        assert found.total.counts.tolist() == [10, 11, 12, 13, 14][: length + 2]
        change = found.states.change_per_s[TcpState.TIME_WAIT]
        assert math.isnan(change) if length == 1 else change == 1
        run.go_on()
    run.show(filtered("2.2.2.2"))
    again = run.show(port)
    assert again.matching.counts.tolist() == [15]
    assert again.total.counts.tolist() == [10, 11, 12, 13, 14, 15]


def test_another_view_of_the_same_snapshot_is_no_tick() -> None:
    run = Growing()
    for _ in range(2):
        run.go_on()
        first = run.show(View())
    run.show(View(group_by=GroupBy.SERVICE))
    run.show(filtered("tw"))
    again = run.show(View())
    assert again.tick == first.tick == 2
    assert again.rates == first.rates
    assert again.total.times.tolist() == first.total.times.tolist()
    assert again.total.counts.tolist() == first.total.counts.tolist()


def test_a_filters_sockets_are_counted_beside_all_sockets() -> None:
    found = frame(waiting(5), sock("10.0.0.1:9", "10.0.0.2:9", "TIME_WAIT"), view=filtered("443"))
    assert (found.matching.count, found.total.count) == (5, 6)
    assert known(found.matching.entered).sum() == known(found.matching.releases).sum() == 5
    assert found.shown.sum() == 5


# Single sockets

OWNERS = {1: Process(20, "wrk"), 2: Process(30, "curl"), 3: Process(10, "")}
DRILLED = [
    # the last number of each local port names the socket
    sock("10.0.0.2:40001", "10.0.0.5:443", "TIME_WAIT", remaining=50),
    sock("10.0.0.1:40002", "10.0.0.5:80", "TIME_WAIT", remaining=10),
    sock("10.0.0.1:40003", "10.0.0.5:8080", "ESTABLISHED", inode=1),
    sock("10.0.0.2:40004", "10.0.0.5:22", "SYN_SENT", inode=2, remaining=0.7),
    sock("10.0.0.10:40005", "10.0.0.5:25", "CLOSE_WAIT", inode=3),
    sock("10.0.0.1:40009", "10.0.0.6:443", "TIME_WAIT"),
    sock("0.0.0.0:80", state="LISTEN"),
]
PEER = frame(DRILLED[0]).groups.key(0)
EXPECTED = {  # the order, its reverse, and the sockets without such a value, which are last in both
    SocketSort.REMAINING: ("4 2 1", "1 2 4", "3 5"),
    SocketSort.AGE: ("1 2", "2 1", "3 4 5"),
    SocketSort.LOCAL: ("2 3 1 4 5", "5 4 1 3 2", ""),
    SocketSort.REMOTE: ("4 5 2 1 3", "3 1 2 5 4", ""),
    SocketSort.STATE: ("3 4 1 2 5", "5 1 2 4 3", ""),  # equal ones stay in their order
    SocketSort.PROCESS: ("4 3", "3 4", "1 2 5"),
}


def drilled(view: View, owners: Mapping[int, Process] = OWNERS) -> list[int]:
    found = frame(*DRILLED, view=view, owners=owners)
    return [int(port) % 10 for port in found.snapshot.sockets.lport[found.drill]]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("by", SocketSort)
def test_single_sockets_in_every_order(by: SocketSort, reverse: bool) -> None:
    known, unknown = EXPECTED[by][reverse], EXPECTED[by][2]
    expected = [int(last) for last in f"{known} {unknown}".split()]
    assert drilled(View(drill=PEER, socket_sort=by, reverse=reverse)) == expected


def test_the_filter_holds_for_single_sockets_too() -> None:
    assert drilled(replace(filtered("tw"), drill=PEER)) == [2, 1]


@pytest.mark.parametrize("key", [Key(remote=1), replace(PEER, port=99)])
def test_a_group_that_does_not_exist_has_no_single_sockets(key: Key) -> None:
    found = frame(*DRILLED, view=View(drill=key))
    assert (len(found.drill), found.port_map) == (0, None)


@pytest.mark.parametrize(
    ("view", "port"),
    [
        (View(drill=Key(remote=PEER.remote)), 8080),
        (replace(filtered("not 8080"), drill=Key(remote=PEER.remote)), 443),
        (View(drill=Key(process="curl")), 22),
        (View(drill=Key(port=80)), None),  # inbound
        (View(), 8080),
        (filtered("443"), 443),
    ],
)
def test_the_port_map_is_that_of_the_most_pressed_destination_that_is_shown(view: View, port: int | None) -> None:
    blocks = [
        sock("0.0.0.0:80", state="LISTEN"),
        many("10.0.0.1:80", "10.0.0.5", rports=range(1024, 60000)),
        many("10.0.0.1", "10.0.0.5:443", lports=range(40000, 40020)),
        many("10.0.0.1", "10.0.0.5:8080", lports=range(40000, 40030)),
        many("10.0.0.1", "10.0.0.5:22", lports=range(40000, 40010), inode=2),
    ]
    found = frame(*blocks, view=view, owners=OWNERS)
    assert bool(len(found.drill)) == bool(view.drill)
    assert (found.port_map and found.groups.destinations.port[found.port_map.destination]) == port


def test_the_series_has_the_last_ticks_and_what_was_given_out_stays() -> None:
    series, given = StateSeries(), []
    for tick in range(3 * TICKS + 2):
        series.add(tick / 2, np.full(STATES, tick))
        series.add(tick / 2, np.full(STATES, -1))
        given.append(series.so_far())
    for tick, (times, counts) in enumerate(given):
        expected = list(range(max(0, tick + 1 - TICKS), tick + 1))
        assert (2 * times).tolist() == counts[:, 0].tolist() == counts[:, -1].tolist() == expected
