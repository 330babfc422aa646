"""factorize and has_repeats against the obvious way, also for keys that were chosen to defeat their hashes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from twtop.arrays import MULTIPLIERS, factorize, fused, has_repeats

# Found by lattice reduction: this step moves a product with any of the multipliers by less than 2**48 of 2**64, so
# its multiples share a slot in each of the hash tables. New multipliers need a new step.
COLLIDING_STEP = 0x49FF56400ABB431
COLLIDING = [step * COLLIDING_STEP % 2**64 for step in range(1, 51)]

few = st.sampled_from([0, 1, 2, 2**32, 2**63, 2**64 - 1])
anything = st.integers(0, 2**64 - 1)
colliding = st.sampled_from(COLLIDING)


def assert_numbers(keys: NDArray[np.uint64]) -> None:
    """Codes count the distinct keys from 0; each row bears the key of its code."""
    codes, rows = factorize(keys)
    assert codes.dtype == np.intp
    assert np.sort(keys[rows]).tolist() == np.unique(keys).tolist()
    assert codes[rows].tolist() == list(range(len(rows)))
    assert keys[rows][codes].tolist() == keys.tolist()


@given(st.lists(st.one_of(few, anything, colliding), max_size=300))
def test_it_groups_as_unique_does(keys: list[int]) -> None:
    assert_numbers(np.array(keys, np.uint64))


@given(st.lists(colliding, min_size=1, max_size=300))
def test_it_groups_colliding_keys(keys: list[int]) -> None:
    assert_numbers(np.array(keys, np.uint64))


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
@pytest.mark.parametrize("bits", [8, 10])
def test_the_colliding_keys_do_collide(multiplier: int, bits: int) -> None:
    assert len({key * multiplier % 2**64 >> (64 - bits) for key in COLLIDING}) == 1


@pytest.mark.parametrize("distinct", [1, 1000, 150_000])
def test_it_groups_many(distinct: int) -> None:
    assert_numbers(np.random.default_rng(7).integers(0, distinct, 200_000).astype(np.uint64) << np.uint64(16))


@given(st.lists(st.one_of(few, anything, colliding), max_size=60), st.booleans())
def test_repeats_are_noticed(keys: list[int], once: bool) -> None:
    keys = sorted(set(keys), reverse=True) if once else keys
    assert has_repeats(np.array(keys, np.uint64)) == (len(set(keys)) < len(keys))


def test_one_repeat_among_many_is_noticed() -> None:
    keys = np.random.default_rng(7).permutation(np.arange(1, 100_001, dtype=np.uint64) << np.uint64(16))
    assert not has_repeats(keys)
    keys[99_000] = keys[1_000]
    assert has_repeats(keys)


def test_no_keys_have_no_codes() -> None:
    codes, rows = factorize(np.empty(0, np.uint64))
    assert len(codes) == len(rows) == 0


@given(st.lists(st.tuples(*[st.integers(0, 3) | st.integers(0, 2**31 - 1)] * 4), max_size=40))
def test_fused_keys_are_equal_where_all_columns_are(rows: list[tuple[int, int, int, int]]) -> None:
    columns = np.array(rows, np.int32).reshape(-1, 4).T
    keys = fused(*((column, 31) for column in columns))
    for at, row in enumerate(rows):
        assert [key == keys[at] for key in keys.tolist()] == [other == row for other in rows]
