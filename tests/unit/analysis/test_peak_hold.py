"""Peak hold, compared with a dictionary that never forgets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.analysis.peak_hold import PeakHold
from twtop.frame.frame import Frame

dumps = st.lists(st.lists(st.tuples(st.integers(0, 12), st.none() | st.floats(0, 1)), max_size=12), max_size=8)


def held(peaks: PeakHold, dump: list[tuple[int, float | None]]) -> list[float | None]:
    """The peaks of one dump of (name, pressure); None is unknown."""
    names = np.array([name for name, _ in dump], np.uint64)
    pressure = np.array([np.nan if share is None else share for _, share in dump], np.float64)
    return [None if np.isnan(peak) else float(peak) for peak in peaks.hold(names, pressure)]


@given(dumps)
def test_each_name_has_its_highest_pressure(run: list[list[tuple[int, float | None]]]) -> None:
    peaks, highest = PeakHold(), dict[int, float]()
    for dump in run:
        found = held(peaks, dump)
        for name, share in dump:
            if share is not None:
                highest[name] = max(highest.get(name, share), share)
        assert found == [highest.get(name) for name, _ in dump]


def test_a_destination_that_comes_back_still_has_its_peak() -> None:
    peaks = PeakHold()
    held(peaks, [(7, 0.9), (8, 0.2)])
    assert held(peaks, [(8, 0.1)]) == [0.2]
    assert held(peaks, [(7, 0.3), (8, 0.3)]) == [0.9, 0.3]


def test_destinations_that_are_gone_longest_are_forgotten_first() -> None:
    peaks = PeakHold(most=2)
    for name in range(5):
        held(peaks, [(name, 0.5 + name / 10)])
        assert len(peaks) <= 3
    assert held(peaks, [(0, 0.1), (1, 0.1), (2, 0.1), (3, 0.1), (4, 0.1)]) == [0.1, 0.1, 0.7, 0.8, 0.9]


def full(ports: int) -> Block:
    return many("10.0.0.1", "10.0.0.5:443", lports=range(40000, 40000 + ports))


def peak_of(frame: Frame) -> list[float]:
    return [round(float(peak), 2) for peak in frame.analysis.peak[frame.groups.worst]]


def test_a_frame_has_the_peak_of_its_run() -> None:
    other = sock("10.0.0.1:40000", "10.0.0.6:22")
    blocks = ([full(50), other], [full(80), other], [other], [full(10), other], [full(90), other])
    samples = (make_sample(*each, at=at, port_range=(40000, 40099), tw_reuse=0) for at, each in enumerate(blocks))
    found = [dict(zip(map(str, frame.groups.worst), peak_of(frame), strict=True)) for frame in frames(*samples)]
    assert [max(peaks.values()) for peaks in found] == [0.5, 0.8, 0.01, 0.8, 0.9]
