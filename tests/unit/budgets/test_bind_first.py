"""The budget of an address whose client binds first. The kernel judges the same in tests/kernel/test_bind_first.py."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.not_none import known
from tests.support.port_reading import described
from tests.support.sock_diag_dump import Block, many, sock
from twtop.budgets.bind_first import SAME_TIME, BindFirst, bind_first
from twtop.budgets.port_budgets import port_budgets
from twtop.dump.reading import RecentDumps

LOW, HIGH = 40_000, 40_099
EVEN, ODD = range(LOW, HIGH, 2), range(LOW + 1, HIGH + 1, 2)
"""connect() prefers the parity of the low end, bind() the other one."""

HERE, THERE, SERVICE = "10.0.0.1", "10.0.0.2", "10.0.0.5:443"
LONGEST_S = 62.048


def waiting(ports: Sequence[int], remaining: float = 30, local: str = HERE, remote: str = SERVICE) -> Block:
    return many(local, remote, "TIME_WAIT", lports=ports, remaining=remaining)


def binders(*blocks: Block, high: int = HIGH, reserved: str = "", timers: bool = True) -> BindFirst:
    """The budgets of the addresses of these sockets, in the order of the addresses."""
    if not timers:
        for block in blocks:
            block["timer"] = 0
    return known(bind_first(described(*blocks, port_range=(LOW, high), reserved=reserved).reading))


def test_a_budget_counts_all_destinations_of_its_address() -> None:
    """Twenty that wait to one, ten that are open to another."""
    found = binders(waiting(ODD[:20]), many(HERE, "10.0.0.6:443", lports=ODD[20:30]))
    assert (found.holds.tolist(), found.possible.tolist(), found.is_full.tolist()) == ([True], [False], [False])
    assert found.waits.tolist() == [False]
    assert (found.sockets.tolist(), found.destinations.tolist()) == ([30], [2])
    assert (found.ports.tolist(), found.waiting.tolist(), found.live.tolist()) == ([30], [20], [10])
    assert (found.capacity.tolist(), found.pressure.tolist()) == ([100], [0.3])
    assert (found.left_at_least.tolist(), found.left_at_most.tolist()) == ([70], [70])
    assert found.max_per_s == pytest.approx([90 / LONGEST_S])
    assert (found.of_destination.tolist(), found.certain.tolist(), found.may.tolist()) == (
        [0, 0],
        [True] * 2,
        [False] * 2,
    )


def test_it_is_immutable() -> None:
    found = binders(waiting(ODD[:20]))
    columns = (found.ports, found.pressure, found.certain, found.limit.full_at)
    assert not any(column.flags.writeable for column in columns)


def test_an_address_that_connects_has_no_such_budget() -> None:
    """Nobody binds there, and so nobody asks what is left."""
    found = binders(
        waiting(ODD[:20]), waiting(EVEN[:9], local=THERE), waiting(EVEN[:9], local=THERE, remote="10.0.0.6:80")
    )
    assert (found.holds.tolist(), found.possible.tolist()) == ([True, False], [False, False])
    assert found.is_now.tolist() == [False, False]
    assert (found.ports[0], found.sockets.tolist(), found.live.tolist()) == (20, [20, 18], [0, 0])
    assert found.destinations.tolist() == [1, 2]
    for column in (found.ports, found.left_at_most, found.new_per_s, found.max_per_s, found.full_in_s):
        assert np.isnan(column).tolist() == [False, True]
    assert found.of([True, True]).tolist() == [True, False, False]  # type: ignore[arg-type]
    assert found.of([False, True]).tolist() == [False] * 3  # type: ignore[arg-type]


def test_an_address_without_an_outbound_connection_has_none() -> None:
    """Who opened a connection between two such ports is unknown."""
    found = binders(waiting(ODD[:20], local=THERE), sock(f"{HERE}:40051", "10.0.1.1:50000"))
    assert (found.ports.tolist(), found.sockets.tolist()) == ([20], [20])


def test_to_some_destinations_clients_of_both_kinds_may_connect() -> None:
    assert binders(waiting(ODD[:20])).both.tolist() == [False]
    assert binders(waiting([*ODD[:20], *EVEN[:20]])).both.tolist() == [True]


def test_a_client_of_the_wildcard_address_gets_what_no_address_uses() -> None:
    found = binders(waiting(ODD[:20]), waiting(ODD[30:50], local=THERE))
    assert (found.left_at_least.tolist(), found.left_at_most.tolist()) == ([60, 60], [80, 80])


def test_accepted_connections_and_what_is_unknown_are_of_no_budget() -> None:
    found = binders(
        waiting(ODD[:20]), sock("10.0.0.1:80", state="LISTEN"), many("10.0.0.1:80", "10.0.0.9", rports=[5000, 5001])
    )
    assert (found.sockets.tolist(), sorted(found.of_destination.tolist())) == ([20], [-1, 0])


@pytest.mark.parametrize(
    ("bound", "capacity"),
    [
        ([], [100, 100]),
        ([sock(f"{HERE}:40010", state="LISTEN")], [99, 100]),
        ([sock(f"{HERE}:40010", state="CLOSE")], [99, 100]),
        ([sock(f"{HERE}:39999", state="LISTEN"), sock(f"{HERE}:40100", state="LISTEN")], [100, 100]),
        ([sock(f"{HERE}:40010", state="LISTEN"), sock(f"{HERE}:40010", state="CLOSE")], [99, 100]),
        ([sock(f"{HERE}:40010", state="LISTEN"), sock(f"{THERE}:40012", state="LISTEN")], [99, 99]),
        ([sock("0.0.0.0:40010", state="LISTEN")], [99, 99]),
        ([sock("0.0.0.0:40010", state="LISTEN"), sock(f"{HERE}:40010", state="CLOSE")], [99, 99]),
        ([sock("[::]:40010", state="LISTEN"), sock("[::]:40012", state="LISTEN")], [98, 98]),
        ([sock("[fd00::1]:40010", state="LISTEN")], [100, 100]),
    ],
)
def test_a_port_that_is_visibly_bound_is_missing(bound: list[Block], capacity: list[int]) -> None:
    """On its address, or on all if the address is the wildcard."""
    found = binders(waiting(ODD[20:40]), waiting(ODD[20:40], local=THERE), *bound)
    assert found.capacity[found.of_destination].tolist() == capacity


def test_a_wildcard_of_ipv4_leaves_ipv6_alone() -> None:
    v6 = many("[fd00::1]", "[fd00::5]:443", "TIME_WAIT", lports=ODD[20:40], remaining=30)
    bound = [sock(f"0.0.0.0:{port}", state="LISTEN") for port in (40_010, 40_012)]
    assert sorted(binders(waiting(ODD[20:40]), v6, *bound).capacity.tolist()) == [98, 100]
    everywhere, there = sock("[::]:40010", state="LISTEN"), sock("[fd00::1]:40010", state="LISTEN")
    for bound in ([everywhere], [everywhere, there]):
        assert binders(waiting(ODD[20:40]), v6, *bound).capacity.tolist() == [99, 99]


def test_a_connection_on_a_bound_or_reserved_port_uses_none_of_the_budget() -> None:
    """It had it before."""
    both = waiting(ODD[:20]), waiting(ODD[:20], local=THERE)
    for address, used in ((HERE, [19, 20]), (THERE, [20, 19])):
        found = binders(*both, sock(f"{address}:{ODD[0]}", state="LISTEN"))
        assert found.ports[found.of_destination[found.of_destination >= 0]].tolist() == used
    assert binders(waiting(ODD[:20]), sock(f"0.0.0.0:{ODD[0]}", state="LISTEN")).ports.tolist() == [19]
    reserved = binders(waiting(ODD[:20]), reserved=f"{ODD[0]}")
    assert (reserved.ports.tolist(), reserved.capacity.tolist()) == ([19], [99])


def test_a_port_is_used_as_long_as_one_of_its_sockets_lives() -> None:
    """Three ports with two sockets each: only one has no open connection."""
    found = binders(
        *(waiting(ODD[:20]), many(HERE, "10.0.0.6:443", lports=ODD[:2])),
        waiting(ODD[2:3], remote="10.0.0.7:443", remaining=50),
    )
    assert (found.ports.tolist(), found.waiting.tolist(), found.live.tolist()) == ([20], [18], [2])


FULL = [LOW + each for each in range(50)], [LOW + 50 + each for each in range(50)]
"""Of two destinations that share no port: bind() gives an address none twice."""


@pytest.mark.parametrize("order", [1, -1])
def test_a_full_budget_gets_a_port_back_when_the_last_socket_on_it_ends(order: int) -> None:
    """Of 100 ports, one has TIME_WAIT until 20 s and until 30 s, and 49 more are free after 35.0, 35.1 … 39.8 s."""
    first, second = FULL
    twice = [waiting(first[:1], remaining=20), waiting(first[:1], remaining=30, remote="10.0.0.7:443")][::order]
    soon = many(HERE, SERVICE, "TIME_WAIT", lports=first[1:], remaining=35 + np.arange(49) / 10)
    late = waiting(second, remaining=50, remote="10.0.0.6:443")
    found = binders(*twice, soon, late, waiting(EVEN[:9], local=THERE))
    assert (found.is_full.tolist(), found.waits.tolist()) == ([True, False],) * 2
    assert (found.ports.tolist(), found.capacity.tolist()) == ([100, 9], [100, 100])
    assert found.full_in_s[0] == 0
    assert 30 < found.next_free_s[0] <= 30 + 2.048
    assert found.freed_per_s == pytest.approx([49 / 9.8, math.nan], nan_ok=True)


def test_a_budget_with_a_port_left_is_not_full() -> None:
    ports = [*range(LOW + 1, LOW + 20, 2), *range(LOW, LOW + 18, 2)]
    found = binders(waiting(ports), high=LOW + 19)
    assert (found.is_full.tolist(), found.left_at_most.tolist()) == ([False], [1])
    assert np.isnan([found.next_free_s[0], found.freed_per_s[0]]).all()
    in_an_odd_range = binders(waiting(ports), high=LOW + 20)  # connect() may skip one port of these
    assert (in_an_odd_range.is_full.tolist(), in_an_odd_range.left_at_most.tolist()) == ([False], [2])


def test_in_an_odd_range_it_is_full_one_port_earlier() -> None:
    even, odd = (binders(steady(ODD[:40], oldest_s=20), high=high) for high in (HIGH, HIGH + 1))
    assert (even.capacity.tolist(), odd.capacity.tolist()) == ([100], [101])
    assert even.full_in_s.tolist() == odd.full_in_s.tolist() == [pytest.approx(60.5 / 2, rel=0.1)]


def test_the_demand_on_a_full_budget_of_open_connections_is_unknown() -> None:
    """No timer tells when they began. It is full all the same."""
    found = binders(many(HERE, SERVICE, lports=FULL[0]), many(HERE, "10.0.0.6:443", lports=FULL[1]))
    assert found.full_in_s.tolist() == [0]
    assert np.isnan(found.new_per_s).tolist() == [True]


def test_a_timer_that_has_run_out_is_known() -> None:
    assert binders(waiting(ODD[:20], remaining=0)).new_per_s.tolist() == [0]


def test_without_timers_no_rate_is_known() -> None:
    found = binders(waiting(ODD[:20]), timers=False)
    assert found.holds.tolist() == [True]
    assert np.isnan([found.new_per_s[0], found.full_in_s[0]]).all()


def with_times(shared: list[float], certain: list[bool], may: list[bool]) -> BindFirst:
    """Two destinations, each of an address of its own, whose budgets end after so many seconds."""
    found = binders(waiting(ODD[:20]), waiting(ODD[:20], local=THERE))
    return dataclasses.replace(
        found, full_in_s=np.array(shared), certain=np.array(certain), may=np.array(may), of_destination=np.array([0, 1])
    )


@pytest.mark.parametrize(
    ("shared", "own", "certain", "may", "expected"),
    [
        (5, 100, True, False, 5),  # it binds first: its address's
        (500, 100, True, False, 500),
        (5, 100, False, False, 100),  # it does not
        (100, 100, False, True, 100),  # it may, and both end together
        (500, 100, False, True, 100),
        (99.9, 100, False, True, 99.9),
        (100 * SAME_TIME, 100, False, True, 90),
        (89.9, 100, False, True, math.nan),  # it may, and which of the two ends first is unknown
        (5, 0, False, True, 0),  # connect()'s is full already
        (math.nan, 0, False, True, 0),
        (0, 100, False, True, math.nan),
    ],
)
def test_the_time_to_full_is_that_of_the_budget_that_counts(
    shared: float, own: float, certain: bool, may: bool, expected: float
) -> None:
    found = with_times([7, shared], [False, certain], [False, may]).time_to_full(np.array([3.0, own]))
    assert found.tolist() == pytest.approx([3, expected], nan_ok=True)


def test_a_destination_has_room_for_what_its_address_has_left_and_for_what_it_holds() -> None:
    """90 ports of the address are in use, 20 of them by the first two destinations."""
    found = binders(waiting(ODD[:12]), waiting(ODD[12:20], remote="10.0.0.6:443"), waiting(EVEN[:9], local=THERE))
    room = found.room_of(np.array([100.0, 100.0, 100.0]), np.array([12.0, 8.0, 9.0]))
    assert sorted(room.tolist()) == [100, 100, 100]
    bound = [sock(f"{HERE}:{port}", state="LISTEN") for port in EVEN[20:50]]
    found = binders(waiting(ODD[:12]), waiting(ODD[12:20], remote="10.0.0.6:443"), *bound)
    assert found.room_of(np.array([100.0, 100.0]), np.array([12.0, 8.0])).tolist() == [70, 70]


def steady(ports: Sequence[int], oldest_s: float) -> Block:
    """TIME_WAIT that were closed evenly in the last seconds."""
    return many(HERE, SERVICE, "TIME_WAIT", lports=ports, remaining=60 - np.linspace(0, oldest_s, len(ports)))


def test_the_time_to_full_is_unknown_in_the_first_seconds_of_a_client_that_may_bind_first() -> None:
    """Both parities look alike, and so may two destinations: there may be more connections than ports."""
    both, other = [*ODD[:20], *EVEN[:20]], many(HERE, "10.0.0.6:443", lports=EVEN[40:42])
    young, old = (binders(steady(both, oldest_s), other) for oldest_s in (2.996, 3))
    alone = binders(steady(both, oldest_s=2.996))
    assert [found.possible.tolist() for found in (young, old, alone)] == [[True]] * 3
    assert math.isnan(young.full_in_s[0])
    assert old.full_in_s == pytest.approx([58 / 13], rel=0.1)
    assert alone.full_in_s == pytest.approx([60 / 13], rel=0.1)
    one, none = (
        binders(*closed, many(HERE, SERVICE, lports=both[1:]), other) for closed in ([waiting(both[:1], 59)], [])
    )
    assert [found.possible.tolist() for found in (one, none)] == [[True]] * 2
    assert math.isnan(one.full_in_s[0])
    assert none.full_in_s[0] == math.inf
    certain = binders(steady(ODD[:40], oldest_s=2.996), many(HERE, "10.0.0.6:443", lports=ODD[40:48]))
    assert certain.holds.tolist() == [True]
    assert certain.full_in_s == pytest.approx([52 / 13], rel=0.1)


def test_a_budget_whose_last_demand_soon_takes_what_is_free_may_be_full_again_between_two_dumps() -> None:
    """Of 100 ports forty are held by open connections, and sixty by TIME_WAIT of the last six seconds. Five seconds
    later twenty are free: ten per second take them within two moves of the wheel."""
    recent, found = RecentDumps(), list[BindFirst]()
    ports, held = [*ODD, *EVEN], many(HERE, "10.0.0.6:443", lports=[*ODD, *EVEN][60:])
    for at, taken in ((0, 60), (5, 40)):
        left = 60 - at - np.linspace(0, 6, taken)
        waits = many(HERE, SERVICE, "TIME_WAIT", lports=ports[:taken], remaining=left)
        reading = described(waits, held, at=at, port_range=(LOW, HIGH), recent=recent.before(1000 + at)).reading
        found.append(known(bind_first(reading)))
        own = port_budgets(reading, found[-1])
        recent.keep(reading.summary(own.used, own.state(reading.names), found[-1].state))
    full, later = found
    assert (full.is_full.tolist(), full.is_now.tolist(), later.is_full.tolist()) == ([True], [True], [False])
    assert (later.left_at_most.tolist(), later.limit.unseen.tolist()) == ([20], [True])
    assert [*full.new_per_s, *later.new_per_s] == pytest.approx([10, 10], rel=0.1)


def test_a_range_of_one_port_has_room_for_one() -> None:
    assert binders(waiting([LOW]), high=LOW).capacity.tolist() == [1]


def test_in_an_odd_range_it_is_full_with_one_port_left() -> None:
    """connect() may skip that one (skipped_ports), and nobody knows which is left."""
    found = binders(waiting(FULL[0]), waiting(FULL[1], remote="10.0.0.6:443"), high=HIGH + 1)
    assert (found.is_full.tolist(), found.left_at_most.tolist()) == ([True], [1])


def test_a_full_budget_is_told_to_later_readings() -> None:
    recent = RecentDumps()
    full = [waiting(FULL[0]), waiting(FULL[1], remote="10.0.0.6:443")]
    some = [waiting(ODD[:20])]
    lately = []
    for second, blocks in ((0, some), (1, full), (30, some), (61, some), (62, some)):
        seen = described(*blocks, at=second, recent=recent.before(1000 + second), port_range=(LOW, HIGH))
        found = known(bind_first(seen.reading))
        recent.keep(seen.reading.summary(seen.budgets.used, seen.budgets.state(seen.reading.names), found.state))
        lately.append(found.limit.lately.tolist())
    assert lately == [[False], [True], [True], [True], [False]]
