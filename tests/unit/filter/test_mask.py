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


@pytest.mark.parametrize("comparison", list(Comparison))
def test_the_unknown_matches_no_comparison(comparison: str) -> None:
    unknown = Row(timer_ms=-1, process=None)
    assert not matches(f"remaining {comparison} 10s or age {comparison} 10s", unknown)
    assert not matches('process wrk or process != wrk or process ""', unknown)
