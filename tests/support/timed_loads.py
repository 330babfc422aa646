"""Loads of two minutes and more, as the moments of their connect() calls, and the judge of what twtop said meanwhile.

Each connection goes to one destination and is closed at once by its client. A destination has PORTS ports. Whether a
load fills them is left to whoever runs it: the kernel (tests/kernel), or its model (modelled_kernel).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]

PORTS = 1000
BORNE_PER_S = PORTS / 61
SECONDS = 150.0
ALARM_S = 60.0
"""A budget that is full so soon is critical."""

NEAR_S = 30.0
"""In so many seconds before a failure twtop shall not say “never”, more than TWICE in a load."""

TWICE = 2


def steady(per_s: float, since: float = 0.0, until: float = SECONDS) -> Seconds:
    return np.arange(since, until, 1 / per_s)


def bursts(size: int, every_s: float) -> Seconds:
    """All of a burst within a few milliseconds, as fast as a client can."""
    starts = np.arange(0, SECONDS, every_s)
    return np.repeat(starts, size) + np.tile(np.arange(size) * 1e-4, len(starts))


def sawtooth(most_per_s: float, every_s: float) -> Seconds:
    """From 0 per second up to the most, and down to 0 at once."""
    one = every_s * np.sqrt((np.arange(most_per_s * every_s / 2) + 0.5) / (most_per_s * every_s / 2))
    return np.concatenate([start + one for start in np.arange(0, SECONDS, every_s)])


def poisson(per_s: float, seed: int) -> Seconds:
    random = np.random.default_rng(seed)
    return np.sort(random.uniform(0, SECONDS, random.poisson(per_s * SECONDS)))


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """`asked` are the moments of the connect() calls. Nobody can foretell what comes of one of the `changes`.

    Where it `fails`, an alarm foretells that by more than `foretold_s`. None says that a few connections decide.
    """

    asked: Seconds
    fails: bool | None = False
    foretold_s: float = 0.0
    changes: tuple[float, ...] = ()
    seconds: float = SECONDS


def steps(*parts: tuple[float, float], foretold_s: float = 0.0, seconds: float = SECONDS) -> Load:
    """(from this second on, so many per second); 0 is a stop. It fails if that shall be foretold."""
    ends = [since for since, _ in parts[1:]] + [seconds]
    asked = [steady(per_s, since, until) for (since, per_s), until in zip(parts, ends, strict=True) if per_s]
    return Load(np.concatenate(asked), foretold_s > 0, foretold_s, tuple(ends[:-1]), seconds)


LOADS: Mapping[str, Load] = {
    **{f"steady at {part:g}": Load(steady(part * BORNE_PER_S)) for part in (0.95, 0.97)},
    "steady at 0.985": Load(steady(0.985 * BORNE_PER_S), fails=None),
    **{f"steady at {part:g}": Load(steady(part * BORNE_PER_S), fails=True, foretold_s=30) for part in (1.03, 1.05)},
    "bursts of 100 each 10 s": Load(bursts(100, 10)),
    "sawtooth of 20 s, 0 to 25/s": Load(sawtooth(25, 20)),
    "Poisson at 0.9": Load(poisson(0.9 * BORNE_PER_S, seed=1)),
    "6/s, 12/s, 40/s": steps((0, 6), (40, 12), (100, 40), foretold_s=3),
    "5/s, 14/s, 3/s, 15/s": steps((0, 5), (35, 14), (85, 3), (105, 15)),
    "150/s, 4/s": steps((0, 150), (70, 4), foretold_s=2),
    "15.5/s, then a stop": steps((0, 15.5), (90, 0)),
}

SHORT_LOADS: Mapping[str, Load] = {
    "150/s": steps((0, 150), foretold_s=2, seconds=12),
    "40/s": steps((0, 40), foretold_s=10, seconds=30),
    "bursts of 100 each 10 s": Load(bursts(100, 10), seconds=35),
    "sawtooth of 20 s, 0 to 25/s": Load(sawtooth(25, 20), seconds=35),
    "10/s, 60/s": steps((0, 10), (15, 60), foretold_s=5, seconds=35),
    "14/s, then a stop": steps((0, 14), (20, 0), seconds=35),
}


@dataclass(slots=True)
class Said:
    """What twtop said of the destination in each reading, and what happened meanwhile, in seconds of the load.

    `readings` are (moment, seconds until full, whether all ports were taken); the seconds are NaN for unknown,
    infinity for never. `failures` are the moments of the connect() calls that found no port. `changes` are those of the
    load as they came. It was `late_s` late at the most, and at the end it was `behind_s` later than planned.
    """

    load: Load
    changes: list[float] = field(default_factory=list)
    behind_s: float = 0.0
    late_s: float = 0.0
    readings: list[tuple[float, float, bool]] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)

    @property
    def alarms(self) -> list[float]:
        """When it said “full within 60 s”, though ports were free."""
        return [at for at, full_in, full in self.readings if full_in <= ALARM_S and not full]

    @property
    def false_alarms(self) -> list[float]:
        """Those that no failure followed within that time and a tenth. The end of a load that fails tells nothing."""
        last = self.load.seconds - 1.1 * ALARM_S if self.failures else self.load.seconds
        return [at for at in self.alarms if at <= last and not self._fails(at, 1.1 * ALARM_S)]

    @property
    def false_nevers(self) -> list[float]:
        """When it said “never” within 30 s of a failure."""
        return [at for at, full_in, _ in self.readings if full_in == math.inf and self._fails(at, self._foreseen_s(at))]

    @property
    def unknown(self) -> list[float]:
        return [at for at, full_in, _ in self.readings if math.isnan(full_in)]

    @property
    def foretold_s(self) -> float:
        """How long before the first failure the first alarm was; NaN where nothing failed or nothing was said."""
        if not self.failures or not self.alarms:
            return math.nan
        return max(self.failures[0] - self.alarms[0], 0.0)

    @property
    def came_true(self) -> bool:
        return not self.false_alarms and len(self.false_nevers) <= TWICE

    @property
    def as_planned(self) -> bool:
        """Whether it failed if it should, and that was foretold."""
        load = self.load
        foretold = not load.fails or self.foretold_s > load.foretold_s
        return foretold and load.fails in (bool(self.failures), None)

    def _fails(self, since: float, within_s: float) -> bool:
        return any(since < at <= since + within_s for at in self.failures)

    def _foreseen_s(self, since: float) -> float:
        """How far one can foresee: to the next change of the load at most."""
        return min([NEAR_S, *(change - since for change in self.changes if change > since)])

    def __str__(self) -> str:
        said = f"{len(self.alarms)} alarms ({len(self.false_alarms)} false), {len(self.false_nevers)} false nevers"
        unknown = f", unknown in {len(self.unknown)} of {len(self.readings)} s"
        did = f"{len(self.failures)} failed"
        if self.failures:
            did += f", first at {self.failures[0]:.1f} s, foretold {self.foretold_s:.1f} s before"
        return f"{said}{unknown} · {did}"
