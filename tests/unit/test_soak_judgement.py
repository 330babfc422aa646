"""The judge of `make soak`: what grows or comes late is told."""

from tests.soak.judgement import Noted, judge
from tests.soak.terminal import Gap, Holding

HOUR = 3600.0
ON_TIME = [Gap(1.0, 0.0), Gap(1.9, 0.0), Gap(2.5, 0.6)]


def judged(end: Holding, gaps: list[Gap] = ON_TIME, seconds: float = HOUR) -> list[str]:
    """What is not as it must be, after ten settled minutes and this end."""
    settled = [Holding(6, 8, 100_000_000), Holding(9, 8, 101_000_000)]
    noted = [Noted(0.3 * min(1500, seconds) + at, holding) for at, holding in enumerate(settled)]
    lines = judge([*noted, Noted(0.95 * seconds, end)], gaps, seconds)
    return [line.text.partition(":")[0] for line in lines if not line.good]


def test_what_stays_is_good() -> None:
    assert judged(Holding(6, 8, 105_000_000)) == []


def test_one_more_of_anything_is_told() -> None:
    assert judged(Holding(7, 8, 100_000_000)) == ["file descriptors"]
    assert judged(Holding(6, 9, 100_000_000)) == ["threads"]
    assert judged(Holding(6, 8, 107_000_000)) == ["memory"]
    assert judged(Holding(6, 8, 107_000_000), seconds=600) == []


def test_a_late_frame_is_told_unless_it_had_no_cpu() -> None:
    assert judged(Holding(6, 8, 100_000_000), [*ON_TIME, Gap(2.5, 0.4)]) == ["frames"]


def test_a_run_without_frames_or_without_notes_is_not_good() -> None:
    assert judged(Holding(6, 8, 100_000_000), []) == ["no frames"]
    assert not any(line.good for line in judge([], ON_TIME, HOUR))
