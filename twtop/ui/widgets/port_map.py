"""The port map of the drilled destination: two strips, one for each half that connect() searches, and a legend."""

import numpy as np

from twtop import text
from twtop.frame import Frame
from twtop.groups import label
from twtop.portmap import PortKind, PortMap, cells
from twtop.ui.lines import Line, LinePanel, Part, Tone, fit, merged

LOOKS = {
    PortKind.LIVE: ("█", Tone.LIVE, "live"),
    PortKind.TIME_WAIT: ("▓", Tone.TIME_WAIT, "TIME_WAIT"),
    PortKind.REUSABLE: ("▒", Tone.REUSABLE, "reusable"),
    PortKind.FREE: ("░", Tone.FREE, "free"),
    PortKind.BLOCKED: ("×", Tone.BLOCKED, "blocked"),
}
NAME = 11


class PortMapPanel(LinePanel):
    """Shown while the drill-down is on an outbound destination."""

    def __init__(self) -> None:
        super().__init__(id="port-map")
        self._frame: Frame | None = None

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's port map, or hide where there is none."""
        self._frame = frame
        self.set_class(frame.port_map is not None, "known")
        self.on_resize()

    def on_resize(self) -> None:
        found = self._frame.port_map if self._frame else None
        if self._frame is None or found is None:
            return
        room = self.size.width - NAME
        block = max(1, -(-len(found.first) // max(1, room)))
        name = label(self._frame.groups.place_key(found.place))
        self.entitle(f"Ports to {name} ── {text.count(block)} port{'s' * (block > 1)} a cell")
        parities = ("even", "odd") if found.low % 2 == 0 else ("odd", "even")
        self.show(
            (
                _strip(f"{parities[0]} first", found.first, room),
                _strip(f"{parities[1]} then", found.second, room),
                _legend(found, self.size.width),
            )
        )


def _strip(name: str, kinds: np.ndarray, width: int) -> Line:
    return ((f"{name:<{NAME}}", Tone.DIM), *merged([LOOKS[kind][:2] for kind in cells(kinds, width)]))


def _legend(found: PortMap, width: int) -> Line:
    counts = np.bincount(np.concatenate((found.first, found.second)), minlength=len(PortKind))
    parts = [
        Part(
            ((f"{glyph} ", tone), (f"{name} ", Tone.DIM), (text.count(counts[kind]), Tone.PLAIN)), int(counts[kind] > 0)
        )
        for kind, (glyph, tone, name) in LOOKS.items()
    ]
    return fit(parts, width)
