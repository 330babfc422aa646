"""Who chose the ports of described connections. The kernel judges the same in tests/kernel/test_static_mixes.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.not_none import known
from tests.support.port_reading import PortReading, described
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.analysis.analysis import Analyst, analyse
from twtop.model import Snapshot
from twtop.sources.decode import decode

LOW, HIGH = 32_768, 60_999
FIRST, SECOND = np.arange(LOW, HIGH, 2), np.arange(LOW + 1, HIGH + 1, 2)
HALF = len(FIRST)


def to(number: int, *ports: np.ndarray, address: str = "10.0.0.1") -> Block:
    """TIME_WAIT of one destination on these ports."""
    return many(address, f"10.0.1.{number}:443", "TIME_WAIT", lports=np.concatenate(ports), remaining=30)


def counts(reading: PortReading) -> tuple[int, int, int, int]:
    """(closed ports, unclear ports, destinations that bind first, destinations that may)."""
    found = known(reading.reading.choices)
    masks = (found.closed, found.unclear, found.binds_first, found.may_bind_first)
    closed, unclear, certain, may = (int(np.count_nonzero(mask)) for mask in masks)
    return closed, unclear, certain, may


def test_ports_of_the_parity_that_bind_prefers_are_closed_to_all_others() -> None:
    reading = described(to(1, SECOND[:500]), to(2, FIRST[:300], address="10.0.0.2"))
    assert counts(reading) == (500, 0, 1, 0)
    assert reading.ports.capacity == 2 * HALF - 500


def test_ports_of_the_parity_that_connect_prefers_stay_open() -> None:
    assert counts(described(to(1, FIRST[:500]), to(2, FIRST[700:900]))) == (0, 0, 0, 0)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.84), st.floats(0, 1 / 30))
def test_a_client_past_the_cliff_is_not_taken_for_one_that_binds_first(seed: int, second: float, freed: float) -> None:
    """connect() has filled one parity and a part of the other. Then the wheel has freed some ports of both."""
    random = np.random.default_rng(seed)
    ports = np.concatenate([FIRST, SECOND[: int(second * HALF)]])
    _, _, certain, may = counts(described(to(1, random.permutation(ports)[int(freed * len(ports)) :])))
    assert (certain, may) == (0, 0)


def test_close_to_the_end_both_look_alike_and_have_the_same_left() -> None:
    found = analyse(decode(make_sample(to(1, FIRST[5:], SECOND[50:]), tw_reuse=0)))
    assert known(found.bind_first).possible.tolist() == [True]
    assert found.budgets.left_at_least.tolist() == found.budgets.left_at_most.tolist() == [55]


def test_ports_past_the_cliff_that_destinations_share_are_open() -> None:
    """bind() gives no port twice. Of the second parity each destination has half, and a quarter is in both."""
    random = np.random.default_rng(1)
    halves = (random.choice(SECOND, HALF // 2, replace=False) for _ in range(2))
    assert counts(described(*(to(number, FIRST, half) for number, half in enumerate(halves)))) == (0, 0, 0, 0)


def test_ports_past_the_cliff_of_a_single_destination_are_unclear() -> None:
    assert counts(described(to(1, FIRST, SECOND[:900]))) == (0, 900, 0, 0)


def test_where_both_parities_are_in_use_alike_the_client_may_bind_first() -> None:
    assert counts(described(to(1, FIRST[:500], SECOND[:500]))) == (0, 500, 0, 1)


def test_once_bind_has_used_up_its_parity_the_other_one_is_unclear() -> None:
    reading = described(to(1, SECOND, FIRST[:900]), to(2, FIRST[2000:2100], address="10.0.0.2"))
    assert counts(reading) == (HALF, 1000, 1, 1)


@pytest.mark.parametrize("port", [LOW, LOW + 1])
def test_a_connection_of_unknown_direction_may_hold_its_port_by_a_listener_that_is_gone(port: int) -> None:
    reading = described(sock(f"10.0.0.1:{port}", "10.0.1.1:50000"))
    assert counts(reading) == (0, 1, 0, 0)


def test_what_is_unclear_is_a_range() -> None:
    reading = described(to(1, FIRST[:500], SECOND[:300]), to(2, FIRST[:10]))
    other = known(reading.find(("10.0.0.1", "10.0.1.2", 443)))
    assert reading.budgets.left_at_most[other] == 2 * HALF - 10
    assert reading.budgets.left_at_least[other] == 2 * HALF - 10 - 300


def burst(age_s: float, *ports: np.ndarray) -> Snapshot:
    """The TIME_WAIT that are left of a burst after so many seconds; the first of its 200 per ms was closed at 0."""
    order = np.concatenate(ports)
    left = 60 - age_s + np.arange(len(order)) / 2000
    rows = left > 0
    block = many("10.0.0.1", "10.0.1.1:443", "TIME_WAIT", lports=order[rows], remaining=np.minimum(left[rows], 60))
    return decode(make_sample(block, at=age_s, tw_reuse=1))


def test_a_burst_of_connects_is_not_taken_for_bind_first_while_its_time_wait_run_out() -> None:
    """Those of the parity that connect() takes first are gone first. What is left looks as if bind() had chosen it."""
    analyst = Analyst()
    for age_s in (11, 40, 62, 66, 68):
        found = analyst.analyse(burst(age_s, FIRST, SECOND[:6000]))
        assert known(found.bind_first).holds.tolist() == [False]
    assert known(analyse(found.snapshot).bind_first).holds.tolist() == [True]


def test_a_client_that_binds_first_is_still_known_when_it_has_taken_all_ports() -> None:
    """Both parities look alike then. bind() takes over no TIME_WAIT, so nothing is left."""
    analyst = Analyst()
    for count in (9000, 18_000, 2 * HALF):
        found = analyst.analyse(burst(30, np.concatenate([SECOND, FIRST])[:count]))
    assert (found.budgets.left_at_least.tolist(), found.budgets.left_at_most.tolist()) == ([0], [0])
    alone = analyse(found.snapshot)
    assert (alone.budgets.left_at_least.tolist(), alone.budgets.left_at_most.tolist()) == ([0], [2 * HALF])


def test_a_client_that_connects_is_never_taken_for_bind_first_while_its_full_range_drains() -> None:
    """connect() fills one parity before the other. Minutes later the ports come free in the same order."""
    analyst, order = Analyst(), np.concatenate([FIRST, SECOND])
    rising, falling = range(2000, 2 * HALF, 2000), range(0, 2 * HALF, 1000)
    held = [(second, order[:count]) for second, count in enumerate(rising)]
    held += [(second, order[gone:]) for second, gone in enumerate(falling, 200)]
    for second, ports in held:
        block = many("10.0.0.1", "10.0.1.1:443", lports=ports)
        found = analyst.analyse(decode(make_sample(block, at=second)))
        assert known(found.bind_first).holds.tolist() == [False], (second, len(ports))
