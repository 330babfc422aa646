"""The port map of a destination: the ephemeral ports of each parity as a strip of cells, and a legend."""

from collections.abc import Iterator, Sequence

import numpy as np
from textual.geometry import Size

from twtop import formatting as fmt
from twtop.columns.failed import FAILED, phrase
from twtop.columns.tones import Line, Tone, merged
from twtop.frame.frame import Frame
from twtop.frame.port_map import PortKind, PortMap, cells
from twtop.frame.row_failures import of_destinations
from twtop.frame.view import label
from twtop.ui.kit.lines import Part, fit
from twtop.ui.kit.panel import LinePanel

LOOKS = {
    PortKind.LIVE: ("█", Tone.LIVE, "live"),
    PortKind.TIME_WAIT: ("▓", Tone.TIME_WAIT, "TIME_WAIT"),
    PortKind.REUSABLE: ("▒", Tone.REUSABLE, "reusable"),
    PortKind.FREE: ("░", Tone.FREE, "free"),
    PortKind.BLOCKED: ("×", Tone.BLOCKED, "blocked"),
}
NAME = 11


class PortMapPanel(LinePanel, can_focus=True):
    """Shows the frame's port map: of the selected peer's destination, else of the one under most pressure."""

    def __init__(self) -> None:
        super().__init__(id="port-map")
        self._frame: Frame | None = None
        self._failing: Line = ()

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's port map, or hide if there is none."""
        before, self._frame = self._frame, frame
        told, self._failing = self._failing, _failing(frame)
        if before is None or told != self._failing or not _looks_like(before, frame):
            self.set_class(frame.port_map is not None, "known")
            self.draw()

    def draw(self) -> None:
        found = self._frame.port_map if self._frame else None
        if self._frame and found:
            room, rows = _strip_size(self.size)
            block = max(1, -(-len(found.first) // max(1, room * rows)))
            name = label(self._frame.groups.destination_key(found.destination))
            self.entitle(f"Ports to {name} ── {fmt.count(block)} port{'s' * (block > 1)} a cell")
        super().draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        found = self._frame.port_map if self._frame else None
        if found is None:
            return ()
        parities = ("even", "odd") if found.low % 2 == 0 else ("odd", "even")
        return (
            *_strips(f"{parities[0]} first", found.first, *_strip_size(size)),
            *_strips(f"{parities[1]} then", found.second, *_strip_size(size)),
            _legend(found, self._failing, size.width),
        )


def _looks_like(one: Frame, other: Frame) -> bool:
    """Whether the port maps of two frames are the same, as on a quiet machine."""
    a, b = one.port_map, other.port_map
    if a is None or b is None or a is b:
        return a is b
    same_ports = a.low == b.low and np.array_equal(a.first, b.first) and np.array_equal(a.second, b.second)
    return same_ports and one.groups.destination_key(a.destination) == other.groups.destination_key(b.destination)


def _strip_size(size: Size) -> tuple[int, int]:
    """(cells in a row, rows) that one parity gets."""
    return max(0, size.width - NAME), max(1, (size.height - 1) // 2)


def _strips(name: str, kinds: np.ndarray, width: int, rows: int) -> Iterator[Line]:
    """The ports of one parity in `rows` rows. The name stands before the first."""
    drawn = [LOOKS[kind][:2] for kind in cells(kinds, width * rows)]
    for start in range(0, len(drawn), max(1, width)):
        yield ((f"{name if not start else '':<{NAME}}", Tone.DIM), *merged(drawn[start : start + width]))


def _failing(frame: Frame) -> Line:
    """The failed connects of the port map's destination; empty for none and for unknown."""
    if frame.port_map is None:
        return ()
    analysis, chosen = frame.analysis, np.array([frame.port_map.destination])
    failed = of_destinations(analysis.destinations, analysis.budgets, chosen).row(0)
    tone = Tone.CRITICAL if failed.per_s > 0 else Tone.WARN
    return ((f"{FAILED} {told}", tone),) if (told := phrase(failed, frame.groups)) else ()


def _legend(found: PortMap, failing: Line, width: int) -> Line:
    """What each glyph is and how many there are. What fails is left out last."""
    counts = np.bincount(np.concatenate((found.first, found.second)), minlength=len(PortKind))
    parts = [
        Part(
            ((f"{glyph} ", tone), (f"{name} ", Tone.DIM), (fmt.count(counts[kind]), Tone.PLAIN)), int(counts[kind] > 0)
        )
        for kind, (glyph, tone, name) in LOOKS.items()
    ]
    return fit([*parts, Part(failing, 2)] if failing else parts, width)
