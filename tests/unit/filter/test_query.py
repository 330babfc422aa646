"""A filter's tree and its normal form as text."""

from hypothesis import assume, given

from tests.support.drawn_filters import TREES
from twtop.filter.parser import MAX_CHARACTERS, parse
from twtop.filter.query import Query, unparse


@given(TREES)
def test_a_tree_survives_as_text(query: Query) -> None:
    text = unparse(query)
    assume(len(text) <= MAX_CHARACTERS)
    assert parse(text) == query
    assert hash(parse(text)) == hash(query)
