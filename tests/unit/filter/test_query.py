"""A filter's tree and its normal form as text."""

import pytest
from hypothesis import assume, given

from tests.support.drawn_filters import TREES
from twtop.filter.parser import MAX_CHARACTERS, parse
from twtop.filter.query import PortTest, ProcessTest, Query, StateTest, has_test, kept_state, unparse, with_state
from twtop.model import TcpState


@given(TREES)
def test_a_tree_survives_as_text(query: Query) -> None:
    text = unparse(query)
    assume(len(text) <= MAX_CHARACTERS)
    assert parse(text) == query
    assert hash(parse(text)) == hash(query)


@pytest.mark.parametrize(
    "text",
    [
        *("dport 443", "dport 1-1023", "dport 0", "dport <= 1023", "dport >= 1024", "port 1024-65534"),
        *("peer 10.0.0.5", "peer 10.0.0.0/31", "peer fd00::5", "local fd00::/127", "peer ::/0"),
        *("process nginx", "process python3.12", 'process "my job"', 'process "or"', r'process "a\"b\\c"'),
        *("remaining < 1s", "remaining < 999ms", "age >= 1001ms", "age != 60s", "age = 0s"),
        *("state time-wait", "state syn-recv", "dir outbound"),
        *("not state listen", "not (dport 80 and sport 80)", "not (dport 80 or sport 80)", "not not dport 80"),
        *("(dport 80 or dport 443) and dir inbound", "dport 80 or dport 443 and dir inbound"),
    ],
)
def test_the_normal_form_reads_as_it_is_written(text: str) -> None:
    assert unparse(parse(text)) == text


def test_the_whole_range_is_at_least_port_0() -> None:
    assert unparse(parse("dport 0-65535")) == "dport >= 0"
    assert unparse(parse("dport <= 65535")) == "dport >= 0"
    assert unparse(parse("dport <= 0")) == "dport 0"


@pytest.mark.parametrize(
    "text", ["dport 80", "dport 80 and state listen", "state listen or dport 80", "not (state listen and dport 80)"]
)
def test_one_test_of_a_kind_is_enough_wherever_it_stands(text: str) -> None:
    assert has_test(parse(text), PortTest)
    assert not has_test(parse(text), ProcessTest)
    assert has_test(parse(text), StateTest) == ("state" in text)


def test_a_state_is_asked_for_where_it_must_hold() -> None:
    assert kept_state(parse("dport 80 and state listen")) is TcpState.LISTEN
    assert kept_state(parse("dport 80 or state listen")) is None
    assert kept_state(parse("not state listen")) is None


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
