"""Which socket of the table before each one was, however the kernel numbers them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twtop.table.origin import origin

NUMBERS = st.one_of(st.integers(1, 40), st.integers(1, 2**64 - 1), st.integers(2**63 - 20, 2**63 + 20))
OR_NONE = st.one_of(NUMBERS, st.just(0))


@given(st.lists(OR_NONE, unique=True, max_size=30), st.lists(OR_NONE, max_size=30))
def test_each_is_found_where_it_was(before: list[int], now: list[int]) -> None:
    expected = [before.index(each) if each and each in before else -1 for each in now]
    assert origin(np.array(before, np.uint64), np.array(now, np.uint64)).tolist() == expected


@pytest.mark.parametrize("step", [1, 3, 1 << 40], ids=["consecutive", "nearly", "sparse"])
def test_numbers_of_any_density_are_found(step: int) -> None:
    before = np.random.default_rng(1).permutation(np.arange(1, 1001, dtype=np.uint64) * np.uint64(step))
    now = np.append(before[::-2], before.max() + np.uint64(5))
    assert origin(before, now).tolist() == [*range(999, -1, -2), -1]


def test_sockets_without_a_number_are_always_new() -> None:
    assert origin(np.zeros(3, np.uint64), np.zeros(2, np.uint64)).tolist() == [-1, -1]
