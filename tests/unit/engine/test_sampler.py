"""Sockets are read as often as the CPU limit allows. In between, their counts go on, and what their timers foretell."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.sock_diag_dump import make_sample, many
from twtop.budgets.bottleneck import Bottleneck
from twtop.engine import sampler as sampler_module
from twtop.engine.pipeline import Pipeline
from twtop.engine.sampler import Pace, Sampler
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.model import TcpState
from twtop.report.formats import to_json
from twtop.sources.decode_failed_connects import ROW
from twtop.sources.probe import HELD_ONLY, FailureTable, Request, Sample
from twtop.sources.source import ReadBy

ENTERED_PER_S, HELD = 40, 2000


class Kernel:
    """A source whose dumps cost as much CPU time as the test says, and whose TIME_WAIT grow at a steady rate.

    If it is `full`, all its ports are taken from the first dump on. With `failing` too, and so many more connects fail
    in each second.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cost_s = 0.0
        self.full = False
        self.failing = 0
        self.second = -1
        self.dumped: list[int] = []
        self._spent = 0.0
        monkeypatch.setattr(sampler_module, "time", self)

    def thread_time(self) -> float:
        return self._spent

    def monotonic(self) -> float:
        return 1000.0 + self.second + 1

    def read(self, request: Request) -> Sample:
        self.second += 1
        here = HELD + ENTERED_PER_S * self.second
        left = np.linspace(0.5, 60, HELD)
        waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(2000, 2000 + HELD), remaining=left)
        counters = {"TW": 10_000 + ENTERED_PER_S * self.second, "TWKilled": 0}
        sockstat = f"TCP: inuse 0 orphan 0 tw {here} alloc 0 mem 0\n"
        sample = make_sample(
            waiting,
            at=self.second,
            counters=counters,
            files={"net/sockstat": sockstat},
            port_range=(2000, 2000 + HELD - 1) if self.full or self.failing else (2000, 60000),
            tw_reuse=0,
        )
        if self.failing:
            sample = replace(sample, failures=self._failed(sample.mono))
        if not request.states:
            return replace(sample, dump=None)
        self.dumped.append(self.second)
        self._spent += self.cost_s
        return sample

    def _failed(self, now: float) -> FailureTable:
        """What failed in the second before `now`, `failing` times as many as in the one before."""
        rows = np.zeros(1, ROW)
        rows["tenth"], rows["count"], rows["address"] = now * 10 - 1, self.failing * self.second, (0, 0xFFFF_0A00_0005)
        return FailureTable(1000.0, now, rows.tobytes())


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


@pytest.mark.parametrize(
    ("cost_s", "max_cpu", "dumped"),
    [
        (0.09, 0.1, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (0.25, 0.1, [0, 1, 4, 7]),
        (0.25, 0.3, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (0.75, 0.1, [0, 1]),
    ],
)
def test_a_dump_that_costs_more_is_made_less_often(
    kernel: Kernel, cost_s: float, max_cpu: float, dumped: list[int]
) -> None:
    kernel.cost_s = cost_s
    sampler = Sampler(kernel, max_cpu)
    for _ in range(9):
        sampler.tick(1.0)
    assert kernel.dumped == dumped


def test_a_dump_is_made_at_once_when_asked_for(kernel: Kernel) -> None:
    kernel.cost_s = 0.75
    sampler = Sampler(kernel)
    for second in range(5):
        sampler.tick(1.0, now=second == 3)
    assert kernel.dumped == [0, 1, 3]


def test_one_slow_dump_changes_nothing() -> None:
    pace = Pace(0.1)
    for cost in (0.05, 0.05, 0.9, 0.05, 0.05):
        pace.note(cost, 1.0)
        assert pace.ticks == 1


@pytest.mark.parametrize(
    ("cost_s", "interval_s", "spare"),
    [(0.03, 1.0, 0.07), (0.25, 1.0, 0.1 - 0.25 / 3), (0.2, 1.0, 0.0), (0.25, 5.0, 0.05)],
)
def test_what_dumps_leave_of_the_limit_is_spare(cost_s: float, interval_s: float, spare: float) -> None:
    pace = Pace(0.1)
    assert pace.spare == 0.1
    pace.note(cost_s, interval_s)
    assert pace.spare == pytest.approx(spare)


def test_the_connections_that_are_held_are_no_tick() -> None:
    asked: list[Request] = []

    def read(request: Request) -> Sample:
        asked.append(request)
        return make_sample(many("10.0.0.1", "10.0.0.5:443", lports=range(40000, 40003)), at=len(asked))

    sampler = Sampler(ReadBy(read))
    first = sampler.tick(1.0)
    assert len(sampler.held(b"code")) == 3
    assert asked[-1] == replace(HELD_ONLY, bytecode=b"code")
    assert asked[-1].failed_connects is None  # they are left to the next tick
    assert sampler.tick(1.0).analysis.snapshot.mono == first.analysis.snapshot.mono + 2


def test_a_cost_near_the_limit_does_not_change_the_pace_back_and_forth() -> None:
    pace = Pace(0.1)
    for _ in range(3):
        pace.note(0.21, 1.0)
    for cost in (0.199, 0.205, 0.2, 0.198) * 3:
        pace.note(cost, 1.0)
        assert pace.ticks == 3
    for _ in range(3):
        pace.note(0.19, 1.0)
    assert pace.ticks == 2


def run(kernel: Kernel, ticks: int, view: View) -> list[Frame]:
    pipeline = Pipeline(lambda: kernel)
    return [pipeline.build(pipeline.read(1.0), view) for _ in range(ticks)]


def test_between_dumps_the_count_is_that_of_sockstat(kernel: Kernel) -> None:
    kernel.cost_s = 0.25
    found = run(kernel, 5, View())
    assert kernel.dumped == [0, 1, 4]
    assert [frame.snapshot.age_s for frame in found] == [0, 0, 1, 2, 0]
    assert [frame.every_s for frame in found] == [1, 3, 3, 3, 3]
    assert [frame.total.count for frame in found] == [HELD, HELD, HELD + ENTERED_PER_S, HELD + 2 * ENTERED_PER_S, HELD]
    assert found[3].states.count[TcpState.TIME_WAIT] == found[3].total.count
    assert found[3].total.counts[-1] == found[3].total.count
    assert found[3].rates["TW"] == ENTERED_PER_S
    assert found[3].groups is found[1].groups


def test_between_dumps_the_timers_go_on(kernel: Kernel) -> None:
    kernel.cost_s = 0.25
    _, before, _, after, _ = run(kernel, 5, View())
    assert before.total.releases is not None
    assert after.total.releases is not None
    assert after.total.releases[:58].tolist() == before.total.releases[2:].tolist()
    assert before.total.entered is not None
    assert after.total.entered is not None
    assert after.total.entered.tolist() == [*before.total.entered[2:].tolist(), ENTERED_PER_S, ENTERED_PER_S]


def test_between_dumps_single_sockets_are_as_they_were_read(kernel: Kernel) -> None:
    kernel.cost_s = 0.25
    found = run(kernel, 4, View())
    before, after = (json.loads(to_json(frame, True)) for frame in (found[1], found[3]))
    assert (before["sockets_age_s"], after["sockets_age_s"]) == (0, 2)
    assert after["sockets"] == before["sockets"] != []


def test_between_dumps_what_fails_is_that_of_now(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 more in each second: as if the sockets had been read at each, in rows, bottleneck and JSON."""
    kernel.cost_s, kernel.failing = 0.25, 100
    found = run(kernel, 5, View())
    assert kernel.dumped == [0, 1, 4]
    always = Kernel(monkeypatch)
    always.failing = 100
    for second, (frame, dumped) in enumerate(zip(found, run(always, 5, View()), strict=True)):
        (now,), (expected,) = failures(frame), failures(dumped)
        assert now == expected
        assert now[:2] == (100 * second, 100 * sum(range(second + 1)))
        worst = frame.analysis.bottleneck
        assert worst
        assert now == (worst.failed_per_s, worst.failed_60s, round(worst.new_per_s, 2))
        assert (frame.failures.per_s[0], frame.failures.last_60s[0]) == now[:2]
    free_in_s = [frame.groups.budgets.next_free_s[0] for frame in found]
    assert free_in_s[2:4] == [pytest.approx(free_in_s[1] - 1), pytest.approx(free_in_s[1] - 2)]
    rates = [frame.groups.budgets.new_per_s[0] for frame in found]
    assert rates == sorted({*rates})


def test_between_dumps_the_next_port_comes_nearer(kernel: Kernel) -> None:
    """Of a full budget that nobody asks."""
    kernel.cost_s, kernel.full = 0.25, True
    found = run(kernel, 4, View())
    assert kernel.dumped == [0, 1]
    free_in_s = [float(frame.groups.budgets.next_free_s[0]) for frame in found]
    assert free_in_s[2:] == pytest.approx([free_in_s[1] - 1, free_in_s[1] - 2])
    assert [bottleneck(frame).next_free_s for frame in found] == free_in_s


def bottleneck(frame: Frame) -> Bottleneck:
    assert frame.analysis.bottleneck is not None
    return frame.analysis.bottleneck


def failures(frame: Frame) -> list[tuple[float, float, float]]:
    """(failed per second, in 60 s, asked per second) of each destination, as JSON has them."""
    peers = json.loads(to_json(frame, False))["peers"]
    return [
        (each["failed_per_s"], each["failed_60s"], each["new_per_s"]) for peer in peers for each in peer["destinations"]
    ]


def test_between_dumps_nothing_is_found_anew_while_nothing_fails(kernel: Kernel) -> None:
    kernel.cost_s = 0.25
    found = run(kernel, 4, View())
    assert found[1].groups is found[3].groups
    assert found[1].analysis.budgets is found[3].analysis.budgets


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_the_cost_of_a_dump_is_the_cpu_time_of_its_thread() -> None:
    """Waiting for the kernel costs nothing."""
    sample = make_sample(many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40010)))

    def requests(spend: Callable[[float], None]) -> list[int]:
        states: list[int] = []

        def read(request: Request) -> Sample:
            states.append(request.states)
            spend(0.1)
            return replace(sample, mono=sample.mono + len(states), dump=sample.dump if request.states else None)

        sampler = Sampler(ReadBy(read))
        for _ in range(3):
            sampler.tick(0.4)
        return states

    assert 0 not in requests(time.sleep)
    assert 0 in requests(burn)
