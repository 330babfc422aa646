"""Which sockets a filter keeps, against the slow and obvious way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.drawn_filters import ROWS, TESTS, TREES
from tests.support.filter_by_row import expected
from tests.support.filter_rows import Row, kept
from twtop.filter.mask import needs_owners
from twtop.filter.parser import parse
from twtop.filter.query import (
    And,
    Comparison,
    Everything,
    Not,
    Or,
    Query,
)
from twtop.model import TcpState, Timer


def matches(text: str, row: Row) -> bool:
    return bool(kept(parse(text), [row])[0])


@given(TREES | st.just(Everything()), ROWS)
def test_masks_agree_with_a_look_at_each_socket(query: Query, rows: list[Row]) -> None:
    found = kept(query, rows)
    assert found.dtype == np.bool_
    assert found.tolist() == [expected(query, row) for row in rows]


@given(st.lists(TESTS, min_size=2, max_size=3), ROWS)
def test_de_morgan(tests: list[Query], rows: list[Row]) -> None:
    negated = tuple(map(Not, tests))
    assert (kept(Not(And(tuple(tests))), rows) == kept(Or(negated), rows)).all()
    assert (kept(Not(Or(tuple(tests))), rows) == kept(And(negated), rows)).all()


@given(TREES)
def test_owners_are_asked_for_when_a_process_is(query: Query) -> None:
    assert needs_owners(query) == ("ProcessTest" in repr(query))


@pytest.mark.parametrize(
    "text",
    [
        "443",
        "41234",
        "10.0.0.5",
        "10.0.0.0/8 local 10.0.0.0/24",
        "::ffff:10.0.0.5",
        "::/0",
        "10.0.0.5:443",
        "tw wr",
        "port != 80",
        "remaining <= 30s age = 30s",
        "not (established or dir in)",
    ],
)
def test_matching(text: str) -> None:
    assert matches(text, Row())


@pytest.mark.parametrize(
    "text",
    ["80", "10.0.0.1", "local 10.0.0.5", "10.0.0.5:41234", "port != 443", "fe80::/10", "! wrk", "remaining < 30s"],
)
def test_not_matching(text: str) -> None:
    assert not matches(text, Row())


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("dport 443-445", [443, 444, 445]),
        ("dport >= 445", [445, 446]),
        ("dport > 445", [446]),
        ("dport <= 443", [442, 443]),
        ("dport < 443", [442]),
        ("dport 444", [444]),
    ],
)
def test_the_ends_of_a_range_are_in_it(text: str, ports: list[int]) -> None:
    assert [port for port in range(442, 447) if matches(text, Row(rport=port))] == ports


def test_the_age_is_what_has_passed_of_a_minute_and_the_rest_remains() -> None:
    young = Row(timer_ms=58_000)
    assert matches("age <= 2s", young)
    assert not matches("age < 2s", young)
    assert matches("remaining >= 58s", young)
    assert not matches("remaining < 5s", young)


def test_no_time_left_and_no_age_are_known_times() -> None:
    assert matches("remaining <= 0s", Row(timer_ms=0))
    assert matches("age = 0s", Row(timer_ms=60_000))


def test_only_the_timer_of_a_timewait_object_is_tested() -> None:
    retransmitting = Row(state=TcpState.ESTABLISHED, timer=Timer.RETRANSMIT, timer_ms=200)
    assert not matches("remaining < 10s or age < 10s", retransmitting)


@pytest.mark.parametrize("comparison", list(Comparison))
def test_the_unknown_matches_no_comparison(comparison: str) -> None:
    unknown = Row(timer_ms=-1, process=None)
    assert not matches(f"remaining {comparison} 10s or age {comparison} 10s", unknown)
    assert not matches('process wrk or process != wrk or process ""', unknown)
