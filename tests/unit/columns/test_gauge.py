"""The bar of live, waiting, reusable and free."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.built_frames import frame
from tests.support.sock_diag_dump import many, sock
from twtop.columns.gauge import BLOCKS, PEAK, bar, gauge
from twtop.columns.tones import Tone
from twtop.frame.groups import Groups

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


OUTBOUND = frame(many("10.0.0.1", "10.0.0.5:443", lports=[40000])).groups
INBOUND = frame(sock("10.0.0.1:80", state="LISTEN"), many("10.0.0.1:80", "10.0.0.9", rports=[40000])).groups


def painted(groups: Groups, used: int, peak: int, width: int) -> str:
    """The gauge of so many ports in use, all of them live, after a peak."""
    full = groups.budgets.capacity
    budgets = replace(groups.budgets, used=np.full(len(full), float(used)), capacity=np.full(len(full), 1000.0))
    return "".join(text for text, _ in gauge(replace(groups, budgets=budgets), 0, width, peak / 1000))


ports = st.integers(0, 1000)


@pytest.mark.parametrize("groups", [OUTBOUND, INBOUND], ids=["outbound", "inbound"])
@given(ports, ports, st.integers(3, 60))
def test_the_peak_is_where_the_bar_ended(groups: Groups, one: int, other: int, width: int) -> None:
    """It is seen exactly while the bar is shorter than it was at the peak."""
    now, peak = sorted((one, other))
    full = [sum(tone is Tone.LIVE for tone in drawn((used, 0, 0), 1000, width)) for used in (now, peak)]
    seen = painted(groups, now, peak, width)
    assert PEAK not in painted(groups, peak, peak, width)
    assert seen.find(PEAK) == (full[1] - 1 if full[0] < full[1] else -1)
    assert seen.startswith("█" * min(full[0], width // 2))


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
