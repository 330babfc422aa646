"""Whatever keys, clicks, turns of the wheel, pastes and sizes come, in any order and at any pace: no exception."""

import os
import random
import sys

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.support.random_hands import SIZES, Act, acts, play

EVENTS = 100
"""In a run of the monitor."""


def hammer(number: int, runs: int) -> None:
    """Play this many drawn runs from this seed. What fails notes what was played; to shrink it takes minutes."""

    @seed(number)
    @settings(
        max_examples=runs, derandomize=False, database=None, deadline=None, suppress_health_check=[*HealthCheck],
        phases=[Phase.generate],
    )  # fmt: skip
    @given(st.lists(acts, min_size=EVENTS, max_size=EVENTS), st.sampled_from(SIZES))
    def any_hands(drawn: list[Act], size: tuple[int, int]) -> None:
        play(drawn, size)

    any_hands()


@pytest.mark.slow
def test_random_hands() -> None:
    hammer(1, runs=8)


@pytest.mark.slow
@pytest.mark.long
def test_random_hands_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    """20,000 events; TWTOP_SEED takes the seed of a run that failed."""
    number = int(os.environ.get("TWTOP_SEED") or random.randrange(2**32))
    with capsys.disabled():
        sys.stdout.write(f"\nTWTOP_SEED={number}\n")
    hammer(number, runs=200)
