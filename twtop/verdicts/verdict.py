"""What a verdict is, and what every judge of one needs."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import replace

from twtop.analysis.analysis import Analysis
from twtop.model import Owners
from twtop.records import dataclass

SHARE_WARN, SHARE_CRITICAL = 0.5, 0.8
SOON_S = 60


class Level(enum.StrEnum):
    """How bad it is. What is unknown is never shown as OK."""

    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` is the live number behind `level`, `text` is one plain sentence.

    The strip shows `title` and `short`, for which it keeps `room` cells, so that the next one stays where it is.
    """

    id: str
    level: Level
    value: float | None
    short: str
    text: str
    title: str = ""
    room: int = 0


FILTER_NOTE = "Only sockets that the filter keeps were read."


@dataclass(frozen=True, slots=True)
class CounterRates:
    """`per_s` is the change of each counter per second since the snapshot before, None for unknown.

    `growth_per_s` is how many more timewait objects there are per second, a mean over some seconds; None for unknown.
    """

    per_s: Mapping[str, float | None]
    growth_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict may be found from."""

    analysis: Analysis
    rates: CounterRates
    owners: Owners


Judge = Callable[[Evidence], Verdict]
"""Finds one verdict; its title and room come from VERDICTS."""


def by_sockets(judge: Callable[[Analysis], Verdict]) -> Judge:
    """A judge that needs only sockets. Its text says so where only a part of the sockets was read."""

    def judge_and_note(evidence: Evidence) -> Verdict:
        return noting_part(evidence.analysis, judge(evidence.analysis))

    return judge_and_note


def noting_part(analysis: Analysis, verdict: Verdict) -> Verdict:
    """The same verdict, whose text says so where only a part of the sockets was read."""
    return replace(verdict, text=f"{verdict.text} {FILTER_NOTE}") if analysis.snapshot.part else verdict


def unknown(id: str, what: str) -> Verdict:
    return Verdict(id, Level.UNKNOWN, None, "unknown", f"{what} cannot be read here.")


def level_of(share: float, warn: float = SHARE_WARN, critical: float = SHARE_CRITICAL) -> Level:
    return Level.CRITICAL if share >= critical else Level.WARN if share >= warn else Level.OK
