"""A filter's tree and its normal form as text."""

import pytest
from hypothesis import assume, given

from tests.support.drawn_filters import TREES
from twtop.filter.parser import MAX_CHARACTERS, parse
from twtop.filter.query import Query, unparse, with_state
from twtop.model import TcpState


@given(TREES)
def test_a_tree_survives_as_text(query: Query) -> None:
    text = unparse(query)
    assume(len(text) <= MAX_CHARACTERS)
    assert parse(text) == query
    assert hash(parse(text)) == hash(query)


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        ("", "state time-wait"),
        ("state listen", "state time-wait"),
        ("state time-wait", ""),
        ("dport 443", "dport 443 and state time-wait"),
        ("dport 443 and state listen", "dport 443 and state time-wait"),
        ("dport 443 and state time-wait", "dport 443"),
        ("dport 443 and state time-wait and sport 80", "dport 443 and sport 80"),
        ("state listen or dport 443", "(state listen or dport 443) and state time-wait"),
    ],
)
def test_a_state_takes_the_place_of_another_and_is_taken_back(asked: str, then: str) -> None:
    assert unparse(with_state(parse(asked), TcpState.TIME_WAIT)) == then
