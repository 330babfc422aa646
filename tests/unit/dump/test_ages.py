"""Ages counted by steps are those counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twtop.dump.ages import Ages, steps
from twtop.model import TIMEWAIT_MS

edges = st.lists(st.one_of(st.integers(0, TIMEWAIT_MS + 1), st.floats(0, 70_000)), min_size=1, max_size=6)
ages = st.one_of(st.integers(-1, TIMEWAIT_MS), st.sampled_from((-1, 0, 999, 1000, TIMEWAIT_MS - 1, TIMEWAIT_MS)))
SIZE = 3


@given(st.lists(st.tuples(st.integers(-1, SIZE - 1), ages), max_size=40), edges)
def test_the_younger_ones_of_each_group_are_counted(sockets: list[tuple[int, int]], limits: list[float]) -> None:
    group = np.array([each for each, _ in sockets], np.intp)
    age_ms = np.array([age for _, age in sockets], np.int32)
    found = Ages(group, age_ms, SIZE, steps(limits))
    for limit in limits:
        by_hand = [sum(each == one and 0 <= age < limit for each, age in sockets) for one in range(SIZE)]
        assert found.younger(limit).tolist() == by_hand


@given(st.lists(ages, max_size=40), edges)
def test_one_group_needs_no_numbers(drawn: list[int], limits: list[float]) -> None:
    age_ms, by = np.array(drawn, np.int32), steps(limits)
    alone, among_others = Ages(None, age_ms, 1, by), Ages(np.zeros(len(drawn), np.intp), age_ms, 1, by)
    for limit in limits:
        assert alone.younger(limit).tolist() == among_others.younger(limit).tolist()


def test_between_edges_are_those_that_are_younger_than_one_and_not_than_the_one_ahead() -> None:
    found = Ages(None, np.array([0, 5, 10, 15, 25, -1], np.int32), 1, steps((10, 15, 20)))
    assert found.between([10, 15, 20]).tolist() == [[2, 1, 1]]
    assert found.between([10, 20]).tolist() == [[2, 2]]


def test_it_tells_what_has_the_same_edges() -> None:
    found = Ages(None, np.empty(0, np.int32), 1, steps((10, 15, 20)))
    assert found.tells(steps((10, 20)))
    assert not found.tells(steps((10, 30)))


@pytest.mark.parametrize("age_ms", [9, 12.5, 21])
def test_of_an_age_that_is_no_edge_it_tells_nothing(age_ms: float) -> None:
    found = Ages(None, np.empty(0, np.int32), 1, steps((10, 15, 20)))
    with pytest.raises(LookupError, match="edges"):
        found.younger(age_ms)
