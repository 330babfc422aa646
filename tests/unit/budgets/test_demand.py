"""What a load asks for, told from chance, bursts and change: by the moments of its connections, and over minutes."""

import dataclasses

import numpy as np
import pytest

from tests.support.modelled_kernel import said_of
from tests.support.timed_loads import (
    BORNE_PER_S,
    LOADS,
    SECONDS,
    TWICE,
    Load,
    Seconds,
    bursts,
    poisson,
    sawtooth,
    steps,
)
from twtop.budgets import demand as module
from twtop.budgets.demand import Demand, measure_demand
from twtop.dump.ages import Ages

MOST_UNKNOWN = 0.25
"""The part of the readings in which twtop may say that it does not know."""


def demand(asked: Seconds, now: float) -> dict[str, float]:
    """The demand of one budget at a moment of a load."""
    age_ms = np.round((now - asked[(asked <= now) & (asked > now - 60)]) * 1000).astype(np.int32)
    found = measure_demand(np.zeros(len(age_ms), np.intp), age_ms, size=1)
    return {each.name: float(getattr(found, each.name)[0]) for each in dataclasses.fields(Demand)}


@pytest.mark.parametrize("per_s", [0.97 * BORNE_PER_S, 0.985 * BORNE_PER_S, 150.0])
@pytest.mark.parametrize("now", [17.3, 33.1, 90.7])
def test_the_rate_of_an_even_load_is_exact(per_s: float, now: float) -> None:
    found = demand(steps((0, per_s)).asked, now)
    assert [*found.values()] == pytest.approx([per_s] * 3 + [min(now, 60)], rel=0.002)


@pytest.mark.parametrize("now", [0.2, 3.7, 12.1, 25.0, 68.3, 71.9, 80.0])
def test_a_burst_is_no_rate(now: float) -> None:
    found = demand(bursts(100, 10), now)
    assert found["per_s"] <= 20
    assert found["least_per_s"] < 5


@pytest.mark.parametrize("now", [15.0, 19.9, 39.9, 99.9, 101.0])
def test_a_tooth_of_a_saw_is_no_rate(now: float) -> None:
    """At its top there are 25 per second, and 12.5 in the mean. The first one may be what it is or go on."""
    found = demand(sawtooth(25, 20), now)
    assert found["least_per_s"] < 16 or found["seen_s"] <= 6
    assert now < 30 or found["per_s"] == pytest.approx(12.5, rel=0.1)


@pytest.mark.parametrize(("before", "after"), [(10, 25), (25, 10), (14, 17), (0.5, 150), (16, 0)])
def test_a_change_of_an_even_load_shows_within_seconds(before: float, after: float) -> None:
    asked = steps((0, before), (70, after)).asked
    assert demand(asked, 69.9)["per_s"] == pytest.approx(before, rel=0.05)
    assert demand(asked, 76)["per_s"] == pytest.approx(after, rel=0.1)


def test_a_load_that_is_over_is_no_rate() -> None:
    assert demand(np.arange(0, 3, 0.01), 20)["per_s"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_no_change(seed: int) -> None:
    asked = poisson(15, seed)
    found = [demand(asked, now) for now in range(70, 140)]
    assert min(each["seen_s"] for each in found) >= 59
    assert np.std([each["per_s"] for each in found]) < 1


@pytest.mark.parametrize("few", [0, 1, 64])
@pytest.mark.parametrize("begun_ms", [60_001, 7_300, 400])
def test_every_budget_is_measured_by_itself(few: int, begun_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some have few connections, some have many, and the loads may have begun lately. Whether all are counted by bin at
    once, and whether their ages were counted before, makes no difference."""
    monkeypatch.setattr(module, "FEW_BUDGETS", few)
    random = np.random.default_rng(3)
    code = random.integers(0, 50, 3000).astype(np.intp) ** 2 // 50
    age_ms = random.integers(-1, begun_ms, 3000).astype(np.int32)
    age_ms[:200], code[:200] = -1, -1
    age_ms[200:210] = 60_000
    together = measure_demand(code, age_ms, size=50)
    counted = [Ages(code, age_ms, 50, by) for by in (module.BY_BIN, module.LATELY_AND_MINUTE)]
    others = [measure_demand(code, age_ms, 50, ages=ages) for ages in counted]
    for budget in range(50):
        alone = measure_demand(None, age_ms[code == budget], size=1)
        for column in dataclasses.fields(Demand):
            each = [getattr(found, column.name)[budget] for found in (together, *others)]
            assert each == pytest.approx([getattr(alone, column.name)[0]] * 3)


def of_few(*age_ms: int, failed: dict[int, int] | None = None) -> tuple[float, float, float, float]:
    """(per second, at the least, at the most, seconds), of few connections that were closed so long ago.

    `failed` are those that failed, by seconds ago: 1 is the last second.
    """
    counts = np.zeros((2, 60))
    for ago, count in (failed or {}).items():
        counts[0, -ago] = count
    code, age = np.zeros(len(age_ms), np.intp), np.array(age_ms, np.int32)
    found = measure_demand(code, age, size=2, failed=None if failed is None else counts)
    assert [float(getattr(found, each.name)[1]) for each in dataclasses.fields(Demand)] == [0, 0, 0, 10]
    return tuple(float(getattr(found, each.name)[0]) for each in dataclasses.fields(Demand))  # type: ignore[return-value]


def test_of_few_connections_the_mean_is_over_ten_seconds() -> None:
    assert of_few(*[9_999] * 3) == (0.3, 0, 0.3, 10)
    assert of_few(*[10_000] * 3) == (0, 0, 0, 10)
    assert of_few(-1, 0, 5_000, 60_000) == (0.2, 0, 0.2, 10)


def test_four_connections_may_have_just_begun() -> None:
    """So many as since the first of them, but in a quarter of a second at the least."""
    assert of_few(0, 500, 1_000, 2_000) == (0.4, 0, 2, 10)
    assert of_few(0, 0, 100, 100) == (0.4, 0, 16, 10)
    assert of_few(0, 1_000, 2_000, 3_000, 20_000) == (0.4, 0, 0.4, 10)
    assert of_few(0, 500, 2_000) == (0.3, 0, 0.3, 10)


def test_thirty_one_are_few_and_thirty_two_tell_how_even_the_load_is() -> None:
    assert of_few(*range(0, 31_000, 1000))[3] == 10
    assert of_few(*range(0, 32_000, 1000))[3] == 31


def test_of_few_that_are_random_the_least_rate_is_four_deviations_lower() -> None:
    found = of_few(*[500] * 25)
    assert found[:2] == pytest.approx((2.5, 2.5 - 4 * 0.5))


def test_connects_that_fail_are_asked_for_as_those_that_close() -> None:
    every_second = dict.fromkeys(range(1, 61), 5)
    assert of_few(failed=every_second) == pytest.approx((5, 5, 5, 60))
    assert of_few(*range(0, 60_000, 200), failed=every_second) == pytest.approx((10, 10, 10, 60), rel=0.01)
    assert of_few(failed=dict.fromkeys(range(1, 21), 5)) == pytest.approx((5, 5, 5, 20), rel=0.01)


def test_few_that_fail_count_as_few_that_close() -> None:
    """In whole seconds."""
    assert of_few(failed={1: 2}) == (0.2, 0, 0.2, 10)
    assert of_few(failed={10: 3}) == (0.3, 0, 0.3, 10)
    assert of_few(failed={11: 3}) == (0, 0, 0, 10)
    assert of_few(failed={1: 4}) == (0.4, 0, 4, 10)
    assert of_few(failed={1: 3, 8: 1}) == (0.4, 0, 0.5, 10)
    assert of_few(1_500, 2_000, failed={1: 2}) == (0.4, 0, 2, 10)


def test_it_is_immutable() -> None:
    found = measure_demand(np.zeros(1, np.intp), np.zeros(1, np.int32), size=1)
    assert not any(getattr(found, each.name).flags.writeable for each in dataclasses.fields(Demand))


@pytest.mark.slow
@pytest.mark.parametrize("name", LOADS)
def test_a_load_that_never_fills_its_budget_raises_no_alarm_and_one_that_does_is_foretold(name: str) -> None:
    load = LOADS[name]
    said = said_of(load, np.arange(0.37, SECONDS))
    assert not said.false_alarms
    assert len(said.false_nevers) <= TWICE
    assert load.fails in (bool(said.failures), None)
    assert not load.fails or said.foretold_s > load.foretold_s
    assert load.fails is None or len(said.unknown) <= MOST_UNKNOWN * len(said.readings)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_a_load_at_random_below_what_a_budget_bears_raises_no_alarm(seed: int) -> None:
    said = said_of(Load(poisson(0.9 * BORNE_PER_S, seed)), np.arange(0.5, SECONDS))
    assert not said.failures
    assert not said.false_alarms
