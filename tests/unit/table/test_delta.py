"""The delta of two tables makes the second of the first, and keeps of it whatever stayed as it was."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from tests.support.drawn_tables import Row, aged, successive, table
from twtop.arrays import address_names, mixed
from twtop.model import Addresses, Sockets, TcpState, Timer
from twtop.table.delta import COLUMNS, LONGEST_MS, Delta, delta, later, no_sockets

TIME_WAIT: Row = {
    **dict.fromkeys(COLUMNS, 0),
    **{"local": "10.0.0.1", "remote": "10.0.0.5", "lport": 40_000, "rport": 443},
    **{"state": TcpState.TIME_WAIT, "timer": Timer.TIMEWAIT, "timer_ms": 60_000, "identity": 1},
}


def waits(number: int, left_ms: int = 60_000, **columns: object) -> Row:
    return TIME_WAIT | {"identity": number, "lport": 40_000 + number, "timer_ms": left_ms} | columns


def assert_same(found: Sockets, expected: Sockets) -> None:
    """All columns have the same numbers of the same types, and so have the addresses."""
    for name in COLUMNS:
        one, other = getattr(found, name), getattr(expected, name)
        assert (name, one.dtype, one.tolist()) == (name, other.dtype, other.tolist())
    for half in ("hi", "lo"):
        assert getattr(found.addresses, half).tolist() == getattr(expected.addresses, half).tolist()


@given(successive())
def test_it_makes_the_next_table(tables: tuple[Sockets, Sockets]) -> None:
    before, now = tables
    found = delta(before, now)
    assert_same(found.applied(before), now)
    kept = found.origin[found.origin >= 0]
    assert sorted([*kept.tolist(), *found.gone(before).tolist()]) == list(range(len(before)))
    assert len(kept) + len(found.new) == len(now)
    assert len(found.step_ms) == len(kept)


def test_what_lost_time_alone_is_kept() -> None:
    before = [waits(1), waits(2, 30), waits(3), waits(4), waits(5, -1), waits(6, timer=Timer.OFF, state=1)]
    now = [waits(9), aged(before[4], 1000), aged(before[1], 1000), before[0] | {"timer_ms": 60_000}, before[5]]
    now.append(before[2] | {"state": TcpState.FIN_WAIT2})
    found = delta(table(before), table(now))
    assert found.origin.tolist() == [-1, 4, 1, 0, 5, -1]
    assert found.gone(table(before)).tolist() == [2, 3]


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "timer_ms"])
def test_what_changed_is_another_socket(name: str) -> None:
    other = "10.0.0.6" if name in ("local", "remote") else 7
    before, now = table([waits(1), waits(2)]), table([waits(1), waits(2) | {name: other}])
    assert delta(before, now).origin.tolist() == [0, -1]


def test_a_timer_that_began_to_run_is_another_sockets() -> None:
    assert delta(table([waits(1, -1)]), table([waits(1, 0)])).origin.tolist() == [-1]


def test_of_sockets_that_cannot_be_told_apart_one_is_kept() -> None:
    """Where a source tells no identities, several listeners on a port may have the same (SO_REUSEPORT)."""
    alike = table([waits(5), waits(6), waits(5)])
    found = delta(alike, alike)
    assert np.count_nonzero(found.origin < 0) == 1
    assert found.origin[1] == 1
    assert_same(found.applied(alike), alike)


def test_a_timer_has_the_most_at_most() -> None:
    timers, steps = np.array([LONGEST_MS, 5, 5, -1], np.int32), np.array([-LONGEST_MS, -7, 7, 7], np.int32)
    assert later(timers, steps).tolist() == [LONGEST_MS, 12, 0, -1]


def test_a_source_that_tells_identities_from_now_on_has_other_sockets() -> None:
    before, now = table([waits(0, lport=1), waits(0, lport=2)]), table([waits(7, lport=2), waits(8, lport=1)])
    assert delta(before, now).origin.tolist() == delta(now, before).origin.tolist() == [-1, -1]


def test_all_timers_lost_the_same() -> None:
    rows = [waits(number, number) for number in range(1, 101)]
    assert set(delta(table(rows), table([aged(row, 40) for row in rows])).step_ms[40:].tolist()) == {40}


def test_a_timer_that_ran_out_takes_the_step_ahead_of_it_if_that_explains_it() -> None:
    left = [(50, 10), (30, 0), (0, 0), (-1, -1), (60, 20), (45, 0), (500, 456), (30, 0)]
    before, now = (table([waits(n + 1, each[k]) for n, each in enumerate(left)]) for k in (0, 1))
    assert delta(before, now).step_ms.tolist() == [40, 40, 40, 40, 40, 45, 44, 44]


def test_ahead_of_the_first_timer_that_runs_its_step_is_taken() -> None:
    before, now = (table([waits(1, left), waits(2, left + 50)]) for left in (30, 0))
    assert delta(before, now).step_ms.tolist() == [30, 30]


def test_addresses_are_matched_whatever_their_order() -> None:
    rows = [waits(1, remote="10.0.0.6"), waits(2, remote="fd00::6", local="fd00::1"), waits(3, remote="10.0.0.8")]
    before, now = table(rows), table([rows[2], waits(4, remote="10.0.0.9"), rows[1]])
    found = delta(before, now)
    assert found.origin.tolist() == [2, -1, 1]
    for index, was in enumerate(found.address_origin.tolist()):
        assert was < 0 or now.addresses.integer(index) == before.addresses.integer(was)
    assert np.count_nonzero(found.address_origin < 0) == 1
    assert_same(found.applied(before), now)


def test_addresses_of_one_hash_are_not_one() -> None:
    """Whoever chooses IPv6 addresses can give two the same hash."""
    hi, lo = np.array([1, 2], np.uint64), np.array([3, 0], np.uint64)
    lo[1] = mixed(hi)[0] + lo[0] - mixed(hi)[1]
    first, second = (Addresses(hi[k : k + 1], lo[k : k + 1]) for k in (0, 1))
    assert address_names(first) == address_names(second)
    row = table([waits(1, remote="10.0.0.1")])
    before, now = (replace(row, addresses=each) for each in (first, second))
    assert delta(before, now).address_origin.tolist() == [-1]
    assert delta(before, now).origin.tolist() == [-1]


def test_the_delta_from_nothing_is_the_whole_table() -> None:
    now = table([waits(1), waits(2)])
    found = delta(no_sockets(), now)
    assert found.applied(no_sockets()) is found.new
    assert_same(found.new, now)
    assert_same(delta(now, no_sockets()).applied(now), no_sockets())


def test_nothing_of_it_can_be_changed() -> None:
    before = table([waits(1), waits(2)])
    found: Delta = delta(before, table([aged(waits(2), 7), waits(3)]))
    arrays: list[NDArray[Any]] = [found.origin, found.address_origin, found.step_ms]
    arrays += [getattr(found.applied(before), each.name) for each in fields(Sockets)[1:]]
    assert not any(each.flags.writeable for each in arrays)
    assert isinstance(found.new.addresses, Addresses)
