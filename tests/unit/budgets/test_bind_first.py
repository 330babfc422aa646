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


def test_an_address_that_connects_has_no_such_budget() -> None:
    """Nobody knows which ports a client could bind there; their count is known."""
    found = binders(
        waiting(ODD[:20]), waiting(EVEN[:9], local=THERE), waiting(EVEN[:9], local=THERE, remote="10.0.0.6:80")
    )
    assert (found.holds.tolist(), found.possible.tolist()) == ([True, False], [False, False])
    assert (found.ports.tolist(), found.sockets.tolist()) == ([20, 9], [20, 18])
    assert found.destinations.tolist() == [1, 2]
    for column in (found.new_per_s, found.max_per_s, found.full_in_s):
        assert np.isnan(column).tolist() == [False, True]
    assert found.of([True, True]).tolist() == [True, False, False]  # type: ignore[arg-type]
    assert found.of([False, True]).tolist() == [False] * 3  # type: ignore[arg-type]


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
    assert binders(waiting(ODD[20:40]), waiting(ODD[20:40], local=THERE), *bound).capacity.tolist() == capacity


def test_a_wildcard_of_ipv4_leaves_ipv6_alone() -> None:
    v6 = many("[fd00::1]", "[fd00::5]:443", "TIME_WAIT", lports=ODD[20:40], remaining=30)
    bound = [sock(f"0.0.0.0:{port}", state="LISTEN") for port in (40_010, 40_012)]
    assert sorted(binders(waiting(ODD[20:40]), v6, *bound).capacity.tolist()) == [98, 100]
    bound = [sock("[::]:40010", state="LISTEN"), sock("[fd00::1]:40010", state="LISTEN")]
    assert binders(waiting(ODD[20:40]), v6, *bound).capacity.tolist() == [99, 99]


def test_a_connection_on_a_bound_or_reserved_port_uses_none_of_the_budget() -> None:
    """It had it before."""
    listening = sock(f"{HERE}:{ODD[0]}", state="LISTEN")
    assert binders(waiting(ODD[:20]), listening).ports.tolist() == [19]
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


def test_a_full_budget_gets_a_port_back_when_the_last_socket_on_it_ends() -> None:
    """Of 100 ports, 50 are free after 20.0, 20.1, 20.2 s …; the first of these has a second TIME_WAIT until 40 s."""
    first, second = FULL
    soon = many(HERE, SERVICE, "TIME_WAIT", lports=first, remaining=20 + np.arange(50) / 10)
    again = waiting([LOW], remote="10.0.0.7:443", remaining=40)
    found = binders(soon, waiting(second, remaining=50, remote="10.0.0.6:443"), again)
    assert (found.is_full.tolist(), found.is_now.tolist(), found.waits.tolist()) == ([True], [True], [True])
    assert (found.ports.tolist(), found.capacity.tolist(), found.full_in_s.tolist()) == ([100], [100], [0])
    assert 20.1 < found.next_free_s[0] <= 20.1 + 2.048
    assert found.freed_per_s == pytest.approx([10])


def test_a_budget_with_a_port_left_is_not_full() -> None:
    ports = [*range(LOW + 1, LOW + 20, 2), *range(LOW, LOW + 18, 2)]
    found = binders(waiting(ports), high=LOW + 19)
    assert (found.is_full.tolist(), found.left_at_most.tolist()) == ([False], [1])
    assert np.isnan([found.next_free_s[0], found.freed_per_s[0]]).all()
    in_an_odd_range = binders(waiting(ports), high=LOW + 20)  # connect() may skip one port of these
    assert (in_an_odd_range.is_full.tolist(), in_an_odd_range.left_at_most.tolist()) == ([False], [2])


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


def test_how_fast_a_client_takes_ports_is_unknown_in_its_first_seconds_if_it_may_bind_first() -> None:
    """Both parities look alike, and so do two destinations: there may be more connections than ports."""
    both, other = [*ODD[:20], *EVEN[:20]], many(HERE, "10.0.0.6:443", lports=EVEN[40:42])
    young, old = ([many(HERE, SERVICE, "TIME_WAIT", lports=both, remaining=60 - np.linspace(0, oldest, 40)), other]
                  for oldest in (2.996, 3))  # fmt: skip
    assert binders(*young).possible.tolist() == binders(*old).possible.tolist() == [True]
    assert math.isnan(binders(*young).full_in_s[0])
    assert not math.isnan(binders(*old).full_in_s[0])


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
