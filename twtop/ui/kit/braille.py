"""Curves → dots of Braille characters, the same as plotext draws, in a tenth of its time.

plotext makes objects of Python for every point at every drawing: 6 ms for four minutes of zeros, 16 ms for a hundred
thousand TIME_WAIT, in the thread that answers keys. Here all points are numpy columns. They are where the kernel of
plotext 6.1 has them (15_signal.cpp, 10_point.cpp, 8_data.cpp): a curve is a polyline of points, and from each of them a
stem goes down to zero.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twtop.model import Floats, Mask, Rows
from twtop.records import dataclass

ACROSS, DOWN = 2, 4
"""Dots of a cell."""

BLANK = 0x2800
BITS = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])
"""What each dot of a cell adds to the code of the blank one (Unicode, Braille Patterns)."""

BEGIN, END = 0.5 + 0.0016585662, 0.5 + 0.001516152
"""The ends of a scale lie in the middle of the first and of the last cell, and a hair inwards."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Cells for the x values from `start` to `end`, and for the y values from 0 to `top`."""

    width: int
    height: int
    start: float
    end: float
    top: float

    def dots(self, x: Sequence[float], y: Sequence[float]) -> Mask:
        """The dots of a curve and of what is below it: (4 × height, 2 × width)."""
        points = np.array([self._across(np.array(x, float)), self._down(np.array(y, float))])
        feet = np.array([points[0], np.full(points.shape[1], self._down(np.zeros(1))[0])])
        points = _between(*_joined(points, feet))
        found = np.zeros((DOWN * self.height, ACROSS * self.width), np.bool_)
        column, row = (points * [[ACROSS], [DOWN]]).astype(np.intp)
        inside = (column >= 0) & (column < found.shape[1]) & (row >= 0) & (row < found.shape[0])
        found[row[inside], column[inside]] = True
        return found

    def _across(self, x: Floats) -> Floats:
        return BEGIN + (self.width - BEGIN - END) * ((x - self.start) / (self.end - self.start))

    def _down(self, y: Floats) -> Floats:
        return BEGIN + (self.height - BEGIN - END) * ((y - self.top) / -self.top)


def characters(dots: Mask) -> NDArray[np.str_]:
    """One character for each cell: (height, width)."""
    height, width = dots.shape[0] // DOWN, dots.shape[1] // ACROSS
    codes = np.einsum("hdwa,da->hw", dots.reshape(height, DOWN, width, ACROSS), BITS) + BLANK
    found: NDArray[np.str_] = codes.astype(np.uint32).view("U1")
    return found


def with_dots(dots: Mask) -> Mask:
    """The cells that have dots: (height, width)."""
    height, width = dots.shape[0] // DOWN, dots.shape[1] // ACROSS
    found: Mask = np.logical_or.reduce(dots.reshape(height, DOWN, width, ACROSS), axis=(1, 3))
    return found


def _steps(start: Floats, end: Floats) -> Rows:
    """How many dots there are on the way from each point to another, at least one."""
    scale = [[ACROSS], [DOWN]]
    distance = np.abs((end * scale).astype(np.intp) - (start * scale).astype(np.intp))
    steps: Rows = np.maximum(distance.max(axis=0), 1)
    return steps


def _numbers(counts: Rows) -> tuple[Rows, Rows]:
    """(the number of each whole, the number of each part within it) of so many parts each.

    >>> [numbers.tolist() for numbers in _numbers(np.array([2, 1]))]
    [[0, 0, 1], [0, 1, 0]]
    """
    whole = np.repeat(np.arange(len(counts)), counts)
    return whole, np.arange(len(whole)) - (np.cumsum(counts) - counts)[whole]


def _joined(points: Floats, feet: Floats) -> tuple[Floats, Floats]:
    """The points of the polyline through these points, and the foot of each: (2, more).

    Where the curve is steep it has more points than feet, each foot then stands for several of them.
    """
    before, after = points[:, :-1], points[:, 1:]
    steps, foot_steps = _steps(before, after), _steps(feet[:, :-1], feet[:, 1:])
    segment, step = _numbers(steps)
    step += 1
    count, feet_count = (steps + 1)[segment], (foot_steps + 1)[segment]
    part, foot_part = step / (count - 1), step * feet_count // count / (feet_count - 1)
    line = before[:, segment] + (after - before)[:, segment] * part
    ground = feet[:, segment] + np.diff(feet, axis=1)[:, segment] * foot_part
    return np.concatenate([points[:, :1], line], axis=1), np.concatenate([feet[:, :1], ground], axis=1)


def _between(points: Floats, feet: Floats) -> Floats:
    """The points of the stems: (2, more)."""
    steps = _steps(points, feet)
    stem, step = _numbers(steps + 1)
    return points[:, stem] + (feet - points)[:, stem] * (step / steps[stem])
