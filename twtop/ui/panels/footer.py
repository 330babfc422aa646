"""The most useful keys in one line. A click on one presses it."""

from collections.abc import Sequence

from textual import events
from textual.geometry import Offset, Size

from twtop.columns.tones import Line, Tone, width_of
from twtop.ui.keys import MONITOR_KEYS, Key
from twtop.ui.kit.lines import Part, fit, part_at
from twtop.ui.kit.panel import LinePanel

LEAST = Size(60, 20)
"""The smallest terminal that shows everything that matters."""


class KeyFooter(LinePanel):
    """As many keys as fit; help and quit stay longest. On a terminal that is too small, it says how much is needed."""

    def __init__(self) -> None:
        super().__init__(id="footer")
        self._parts: dict[Key | None, Part] = {}

    def show_for(self, terminal: Size) -> None:
        """Draw the keys, or the size that is needed, for a terminal of this size."""
        if terminal.width < LEAST.width or terminal.height < LEAST.height:
            self._parts = {None: _too_small(terminal)}
        else:
            self._parts = {key: _part(key) for key in MONITOR_KEYS if key.footer}
        self.draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        return (fit([*self._parts.values()], size.width),)

    def tip_at(self, at: Offset) -> str:
        found = part_at(at.x, [*self._parts.values()], self.size.width)
        return found.tip if found else ""

    async def on_click(self, event: events.Click) -> None:
        found = part_at(event.x, [*self._parts.values()], self.size.width)
        for key, part in self._parts.items():
            if key and part is found:
                await self.screen.run_action(key.action)


def _too_small(terminal: Size) -> Part:
    needed, here = f"{LEAST.width}×{LEAST.height}", f"{terminal.width}×{terminal.height}"
    tip = "Panels are hidden or cut until the terminal is larger."
    forms: tuple[Line, ...] = (
        ((f"{needed} needed, {here} here", Tone.WARN), (": panels are hidden", Tone.DIM)),
        ((f"{needed} needed, {here} here", Tone.WARN),),
        ((f"{needed} needed", Tone.WARN),),
    )
    return Part(next((line for line in forms if width_of(line) <= terminal.width), forms[-1]), tip=tip)


def _part(key: Key) -> Part:
    return Part(((f" {key.cap} ", Tone.KEY), (f" {key.label}", Tone.DIM)), key.footer, key.help)
