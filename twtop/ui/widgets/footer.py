"""The most useful keys in one line; a click on one presses it."""

from textual import events
from textual.geometry import Offset

from twtop.ui.keys import MONITOR_KEYS, Key
from twtop.ui.lines import LinePanel, Part, Tone, fit, part_at


class KeyFooter(LinePanel):
    """As many keys as fit; help and quit stay longest."""

    def __init__(self) -> None:
        super().__init__(id="footer")
        self._parts = {key: _part(key) for key in MONITOR_KEYS if key.footer}

    def on_resize(self) -> None:
        self.show((fit([*self._parts.values()], self.size.width),))

    def tip_at(self, at: Offset) -> str:
        found = part_at(at.x, [*self._parts.values()], self.size.width)
        return found.tip if found else ""

    async def on_click(self, event: events.Click) -> None:
        found = part_at(event.x, [*self._parts.values()], self.size.width)
        for key, part in self._parts.items():
            if part is found:
                await self.screen.run_action(key.action)


def _part(key: Key) -> Part:
    return Part(((f" {key.cap} ", Tone.KEY), (f" {key.label}", Tone.DIM)), key.footer, key.help)
