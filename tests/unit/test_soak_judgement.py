"""The judge of `make soak`: what grows or comes late is told."""

from tests.soak.judgement import Noted, judge
from tests.soak.terminal import Frames, Gap, Holding

HOUR = 3600.0
ON_TIME = [Gap(1.0, 0.0), Gap(1.9, 0.0), Gap(2.5, 0.6)]


def judged(end: Holding, gaps: list[Gap] = ON_TIME, seconds: float = HOUR) -> list[str]:
    """What is not as it must be, after a settled second quarter and this end."""
    settled = [Holding(6, 8, 100_000_000), Holding(9, 8, 101_000_000)]
    noted = [Noted(0.3 * seconds + at, holding) for at, holding in enumerate(settled)]
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


def live(second: int) -> str:
    return f" twtop  vm  6.18  sock_diag 200 ms  every 1 s       ● live  12:00:{second:02}"


def gaps(*heads: str) -> int:
    """How many gaps are measured between frames, if these are the first lines of the screen in turn."""
    frames = Frames(waited=lambda: 0.0)
    for head in heads:
        frames.see(head)
    return len(frames.gaps)


def test_from_one_frame_to_the_next_is_a_gap() -> None:
    assert gaps(live(1), live(1), live(2), live(3)) == 2
    assert gaps(live(1), "⣿⣿ a screen that has just shrunk", live(2)) == 1
    assert gaps(live(1), " twtop  reading the kernel's sockets …", live(2)) == 1


def test_no_gap_is_measured_while_no_frame_has_to_come() -> None:
    """A dialog leaves nothing of the monitor on the screen, and its user may take his time."""
    for away in (
        " " * 80,
        live(1).replace("● live", "⏸ paused frame is 3 s old"),
        live(1).replace("● live", "✖ netns blue is gone"),
        " twtop  netns blue is gone: its process has ended",
    ):
        assert gaps(live(1), away, live(5), live(6)) == 1
        assert gaps(live(1), away, live(1), live(2)) == 1
