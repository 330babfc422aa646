"""The whole program in a real terminal of 160 × 50: its start, its share of a CPU, its answers to keys, its memory.

Its share of a CPU and its answers are those of the calm (`level`). It may use every CPU, as on a user's machine.
"""

import math
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.keys import answered, median_and_95_percent, press_all
from tests.benchmarks.level import Level
from tests.benchmarks.terminal import twtop

SETTLE_S, WATCH_S = 5.0, 20.0
STARTS, PRESSES, BETWEEN_S = 5, 100, 0.25
START_S, START_LIMIT_S = 3.0, 20.0
EVERY = re.compile(r"sockets every (\S+ \w+)")


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor that nobody touches: its share of one CPU, resident MB now and at most, and how often it reads sockets,
    as its header says."""

    share: float
    memory_mb: float
    most_mb: float
    every: str


def of_the_monitor(level: Level) -> Iterator[str]:
    """The monitor on a table that is churned, as Markdown."""
    count, churn = level.schedule.count, level.schedule.churn_per_s
    yield f"| monitor at {count:,} TIME_WAIT, {churn:,.0f} connections/s | |"
    yield "| :-- | --: |"
    starts = [first_frame_s(level) for _ in range(STARTS)]
    yield f"| first frame with figures | {statistics.median(starts):.2f} s |"
    watched = watch(level)
    yield f"| share of a CPU, sockets read every {watched.every} | {100 * watched.share:.1f} % |"
    yield f"| peak memory | {watched.most_mb:,.0f} MB |"
    for name, spans in answers_ms(level).items():
        yield f"| {name}: key to screen | {median_and_95_percent(spans)} |"


def of_a_quiet_monitor() -> Iterator[str]:
    """The monitor in an empty namespace, as Markdown."""
    watched = watch()
    yield "| monitor on a quiet box | |"
    yield "| :-- | --: |"
    yield f"| share of a CPU, sockets read every {watched.every} | {100 * watched.share:.1f} % |"
    yield f"| memory | {watched.memory_mb:,.0f} MB |"


def first_frame_s(level: Level) -> float:
    """From exec to the first screen with figures."""
    level.await_calm(START_S)
    with twtop() as terminal:
        while b"/s in" not in terminal.text():
            terminal.read(0.002)
            if time.monotonic() > terminal.started + START_LIMIT_S:
                raise TimeoutError("no figures on the screen")
        return terminal.output[-1][0] - terminal.started


def watch(level: Level | None = None) -> Watched:
    """Watch a monitor for WATCH_S seconds, all of them in a calm of the level."""
    used, passed = 0.0, 0.0
    with twtop() as terminal:
        terminal.read(SETTLE_S)
        while passed < WATCH_S:
            calm_s = math.inf
            if level:
                level.await_calm(WATCH_S - passed, terminal.read)
                calm_s = level.left_s()
            before, since = terminal.cpu_s(), time.monotonic()
            terminal.read(min(WATCH_S - passed, calm_s))
            used, passed = used + terminal.cpu_s() - before, passed + time.monotonic() - since
        less_often = EVERY.search(terminal.first_line())
        return Watched(used / passed, *terminal.memory_mb(), less_often[1] if less_often else "second")


def answers_ms(level: Level) -> dict[str, list[float]]:
    """From each key to the screen that shows its effect, all while sockets are read."""
    with twtop() as terminal:
        terminal.read(SETTLE_S)
        presses = press_all(terminal, PRESSES, BETWEEN_S, lambda: level.await_calm(1.0, terminal.read))
        return answered(presses, terminal.output)
