"""The forecast, compared with a simulation of the kernel: releases in bursts, full budgets, early ends."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.built_frames import filtered, frames
from tests.support.not_none import known
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.dump.timer_wheel import wheel
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.model import Timer
from twtop.sources.probe import Sample

START = 1000
"""CLOCK_MONOTONIC in seconds when a story begins."""

PORTS = 2000
Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Story:
    """A load of `per_s` connections per second from second 0 to `until`. Each is closed here at once.

    There are at most `most` at a time. Any further one finds no port or no bucket, or `displaces` the oldest. The
    connections go to `destinations` in turn. `sysctls` are the settings under which a kernel behaves like this.
    """

    per_s: float
    most: int = PORTS
    until: float = math.inf
    displaces: bool = False
    inbound: bool = False
    destinations: int = 1
    bind_first: bool = False
    sysctls: dict[str, int] = field(default_factory=dict)

    def lives(self, end: float) -> tuple[Seconds, Seconds]:
        """(when each TIME_WAIT began, when it ended), for those that began before `end`."""
        wheel_at_start = wheel(np.empty(0, np.int32), START)
        began: list[float] = []
        ended: list[float] = []
        oldest = 0
        for now in np.arange(0, min(end, self.until), 1 / self.per_s).tolist():
            while oldest < len(began) and ended[oldest] <= now:
                oldest += 1
            if len(began) - oldest >= self.most:
                if not self.displaces:
                    continue
                ended[oldest] = now
            began.append(now)
            moves = math.floor((now + 60 - wheel_at_start.next_s) / wheel_at_start.step_s) + 1
            ended.append(wheel_at_start.next_s + wheel_at_start.step_s * moves)
        return np.array(began), np.array(ended)

    def samples(self, moments: range) -> Iterator[tuple[Sample, Seconds]]:
        """For each moment: (what the kernel shows, the counts of the minute after it)."""
        began, ended = self.lives(moments.stop + 60)
        number = np.arange(len(began))
        for now in moments:
            there = (began <= now) & (now < ended)
            left = np.maximum(np.round((began[there] + 60 - now) * 250) / 250, 0)
            yield (
                make_sample(
                    *self._blocks(number[there], left),
                    at=now,
                    **{"port_range": (32768, 32768 + PORTS - 1), "tw_reuse": 0} | self.sysctls,  # type: ignore[arg-type]
                ),
                np.array([np.count_nonzero((began <= at) & (at < ended)) for at in np.arange(now + 1, now + 61)]),
            )

    def _blocks(self, number: NDArray[np.intp], left: Seconds) -> Iterator[Block]:
        if self.inbound:
            yield sock("10.0.0.5:80", state="LISTEN")
            yield from _nonempty("10.0.0.5:80", "10.0.0.1", rports=1024 + number % self.most, remaining=left)
            return
        for each in range(self.destinations):
            mine = number % self.destinations == each
            ports = 32768 + (number[mine] if self.bind_first else number[mine] // self.destinations) % PORTS
            yield from _nonempty("10.0.0.1", f"10.0.0.5:{443 + each}", lports=ports, remaining=left[mine])


def _nonempty(local: str, remote: str, **columns: np.ndarray) -> Iterator[Block]:
    if len(columns["remaining"]):
        yield many(local, remote, "TIME_WAIT", **columns)


STORIES = {
    "has room": Story(per_s=20),
    "full": Story(per_s=150),
    "asked for far more": Story(per_s=500),
    "full by little": Story(per_s=34),
    "the client comes back on its ports": Story(per_s=150, most=1800, displaces=True, inbound=True),
    "it comes back after most of a minute": Story(per_s=40, most=1800, displaces=True, inbound=True),
    "reuse": Story(per_s=150, most=1000, displaces=True, sysctls={"tw_reuse": 1}),
    "bind first": Story(per_s=150, destinations=5, bind_first=True),
    "buckets": Story(per_s=150, inbound=True, sysctls={"max_tw_buckets": PORTS}),
}
SETTLED_S = 11
"""So long after the first early end, the last seconds show the early ends in full."""


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_the_next_minute_is_as_forecast(story: Story) -> None:
    """For two minutes, from the time when it is full or displaces the oldest. A burst may come a second late."""
    full = math.ceil(story.most / story.per_s)
    since = SETTLED_S if full > 60 else full + (SETTLED_S if story.displaces else 1)
    moments = range(max(0, since - 12), since + 120)
    samples, truths = zip(*story.samples(moments), strict=True)
    for moment, frame, truth in zip(moments, frames(*samples), truths, strict=True):
        off = np.abs(known(frame.total.forecast) - truth) / truth.max()
        assert moment < since or (off.max() < 0.15 and off.mean() < 0.06), (moment, off.max(), off.mean())


@pytest.mark.parametrize("name", ["has room", "full", "the client comes back on its ports", "buckets"])
def test_the_count_is_forecast_to_fall_once_the_load_stops(name: str) -> None:
    """As soon as the dumps show that ports are free and nobody takes them."""
    story = STORIES[name]
    stops = 75
    later = stops + 2 + SETTLED_S
    story = Story(story.per_s, story.most, stops, story.displaces, story.inbound, sysctls=story.sysctls)
    (*samples,) = story.samples(range(later - 12, later + 1))
    last = frames(*(sample for sample, _ in samples))[-1]
    truth = samples[-1][1]
    assert truth[-1] < 0.5 * last.total.count
    assert np.abs(known(last.total.forecast) - truth).max() <= 0.05 * story.most


def test_the_demand_on_a_full_budget_is_known_from_the_first_frame() -> None:
    """Nothing has entered for half a minute. Still, the forecast stays at the limit."""
    sample, truth = next(STORIES["full"].samples(range(40, 41)))
    (only,) = frames(sample)
    assert only.total.count == PORTS
    assert known(only.total.entered)[-20:].sum() == 0
    assert np.abs(known(only.total.forecast) - truth).max() <= 0.02 * PORTS


def leak(second: int) -> Sample:
    """Twenty a second whose peer does not close. Each is counted in TW and in the tw of sockstat."""
    count = 20 * second
    left = 60 - np.arange(count) / 20
    closed = many(
        "10.0.0.1", "10.0.0.5:7000", "FIN_WAIT2", lports=40000 + np.arange(count), timer=Timer.TIMEWAIT, remaining=left
    )
    return make_sample(closed, at=second, counters={"TW": count})


def test_a_closed_fin_wait2_is_not_counted_as_time_wait() -> None:
    last = frames(*map(leak, range(1, 20)))[-1]
    assert last.rates["TW"] == 20
    assert (last.total.count, last.total.entered_per_s, last.total.left_per_s) == (0, 0, 0)
    assert known(last.total.forecast).max() == 0


def two_destinations(second: int) -> list[Block]:
    """A full budget, and 50 a second to another port."""
    age = np.arange(0, second, 0.02)
    return [
        many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(32768, 32768 + PORTS), remaining=30),
        many("10.0.0.1", "10.0.0.5:80", "TIME_WAIT", lports=32768 + np.arange(len(age)), remaining=60 - age),
    ]


@pytest.mark.parametrize(
    ("text", "most"),
    [("dport 443", PORTS), ("dport 80", 50 * 60 + 1000), ("", 2 * PORTS), ("dport 443 and sport < 33768", 1000)],
)
def test_a_filter_has_a_forecast_of_its_own(text: str, most: int) -> None:
    """If the filter keeps a part of a destination, the forecast has no limit, and does not grow to the whole budget."""
    samples = [
        make_sample(*two_destinations(second), at=second, port_range=(32768, 32768 + PORTS - 1), tw_reuse=0)
        for second in (9, 10)
    ]
    found: Frame = frames(*samples, view=filtered(text) if text else View())[-1]
    assert known(found.matching.forecast).max() <= most
    assert known(found.matching.forecast)[0] == pytest.approx(found.matching.count, abs=60)
