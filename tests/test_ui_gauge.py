"""The bar of live, waiting, reusable and free."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twtop.ui.gauge import BLOCKS, bar
from twtop.ui.lines import Tone

Shares = tuple[int, int, int]
ORDER = (Tone.LIVE, Tone.TIME_WAIT, Tone.REUSABLE, Tone.FREE)

shares = st.tuples(*[st.integers(0, 70_000)] * 3)
widths = st.integers(1, 60)


def drawn(shares: Shares, total: float, width: int) -> list[Tone]:
    return bar(*zip(shares, ORDER[:3], strict=True), total=total, width=width)


@given(shares, st.integers(1, 70_000), widths)
def test_as_wide_as_its_room(three: Shares, total: int, width: int) -> None:
    assert len(drawn(three, total, width)) == width


@given(shares, st.integers(1, 70_000), widths)
def test_each_tone_in_one_piece_and_in_order(three: Shares, total: int, width: int) -> None:
    pieces = [tone for tone, _ in groupby(drawn(three, total, width))]
    assert pieces == [tone for tone in ORDER if tone in pieces]


@given(shares, st.integers(1, 70_000), widths)
def test_nothing_is_drawn_of_nothing(three: Shares, total: int, width: int) -> None:
    cells = drawn(three, total, width)
    assert {tone for tone, share in zip(ORDER, three, strict=False) if not share}.isdisjoint(cells)


@given(shares.filter(any), widths)
def test_full_where_it_is_full(three: Shares, width: int) -> None:
    assert Tone.FREE not in drawn(three, sum(three), width)


@given(shares, st.integers(0, 70_000), widths)
def test_no_tone_is_off_by_more_than_a_cell_for_each_before_it(three: Shares, free: int, width: int) -> None:
    total = sum(three) + free + 1
    cells = drawn(three, total, width)
    reached = 0
    for number, (tone, share) in enumerate(zip(ORDER, three, strict=False), 1):
        reached += share
        end = sum(cell in ORDER[:number] for cell in cells)
        assert abs(end - reached / total * width) <= number, tone


@pytest.mark.parametrize(
    ("three", "expected"),
    [
        ((0, 0, 0), "░░░░░░░░░░"),
        ((1, 0, 0), "█░░░░░░░░░"),
        ((0, 1, 0), "▓░░░░░░░░░"),
        ((1, 1, 1), "█▓▒░░░░░░░"),
        ((50, 30, 10), "█████▓▓▓▒░"),
        ((0, 83, 0), "▓▓▓▓▓▓▓▓░░"),
        ((0, 100, 0), "▓▓▓▓▓▓▓▓▓▓"),
        ((90, 90, 90), "█████████▓"),
    ],
    ids=str,
)
def test_bar(three: Shares, expected: str) -> None:
    assert "".join(BLOCKS[tone] for tone in drawn(three, 100, 10)) == expected
