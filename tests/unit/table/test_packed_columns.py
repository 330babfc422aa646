"""Columns come out as they went in, in the fewest bytes, and no kind of column is taken that is none."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twtop.table.packed_columns import ASCENDING, DIFFERENCES, Damaged, pack, unpack

NUMBERS = st.one_of(st.integers(0, 300), st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 2**64 - 1))
COLUMNS = st.lists(st.lists(NUMBERS, max_size=20), max_size=5)


@given(COLUMNS)
def test_the_same_columns_come_out(columns: list[list[int]]) -> None:
    data = pack([np.array(column, np.uint64) for column in columns])
    found = unpack(memoryview(data), [len(column) for column in columns], [8] * len(columns))
    assert [column.tolist() for column in found] == columns


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([], 0),
        ([0, 0], 0),
        ([255, 0], 1),
        ([256, 7], 2),
        ([2**64 - 1], 8),
        ([7, 90, 7, 250, 7, 90], 1),
        (range(0, 25_500, 255), ASCENDING + 1),
        (range(100), ASCENDING + 1),
        ([1000 + n % 50 for n in range(100)], DIFFERENCES + 2),
        ([50 - n for n in range(100)], DIFFERENCES + 1),
    ],
)
def test_a_column_is_kept_as_it_takes_fewest_bytes(column: list[int], kind: int) -> None:
    assert pack([np.array(column, np.int64) if -1 in column else np.array(column, np.uint64)])[0] == kind


def test_differences_are_never_wider_than_the_numbers() -> None:
    """So a reader knows how wide the numbers of a column of 32 bits are at most."""
    assert pack([np.array([0, 2**32 - 1] * 50, np.uint64)])[0] == 4


def test_each_place_of_the_numbers_has_a_code_of_its_own() -> None:
    rng = np.random.default_rng(1)
    low, high = rng.integers(0, 64, 3000), rng.integers(128, 192, 3000)
    of_its_own, of_both = 6, 7
    assert 6000 * of_its_own / 8 <= len(pack([low + 256 * high])) < 6000 * (of_its_own + of_both) / 2 / 8


@pytest.mark.parametrize("kind", [9, 0x0F, 0x19, 0x31, 0x41, 0x81, 0xFF])
def test_another_kind_is_refused(kind: int) -> None:
    with pytest.raises(Damaged, match="unknown kind"):
        [*unpack(memoryview(bytes([kind]) + zlib.compress(bytes(255))), [1], [255])]


def test_numbers_too_long_for_their_column_are_refused() -> None:
    data = memoryview(bytes([ASCENDING + 5]) + zlib.compress(bytes(5)))
    assert next(unpack(data, [1], [5])).tolist() == [0]
    with pytest.raises(Damaged, match="too long"):
        [*unpack(data, [1], [4])]


def test_columns_without_a_kind_are_refused() -> None:
    with pytest.raises(Damaged, match="1 of 2 columns have a kind"):
        [*unpack(memoryview(b"\1"), [1, 1], [8, 8])]


@pytest.mark.parametrize("stream", [b"", b"x", zlib.compress(b"1"), zlib.compress(b"123"), zlib.compress(b"12")[:-1]])
def test_another_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(Damaged):
        [*unpack(memoryview(bytes([2]) + stream), [1], [8])]


def test_nothing_may_follow_the_stream() -> None:
    with pytest.raises(Damaged, match="and then the end"):
        [*unpack(memoryview(bytes([2]) + zlib.compress(b"12") + b"3"), [1], [8])]
