"""The most useful keys in one line; a click on one presses it."""

from textual import events

from twtop.ui.keys import MONITOR_KEYS, Key
from twtop.ui.lines import Line, LinePanel, Part, Tone, fit, width_of

GAP = ("  ", Tone.PLAIN)


class KeyFooter(LinePanel):
    """As many keys as fit; help and quit stay longest."""

    def __init__(self) -> None:
        super().__init__(id="footer")

    def on_resize(self) -> None:
        keys = [key for key in MONITOR_KEYS if key.footer]
        self.show((fit([Part(_cap(key), key.footer) for key in keys], self.size.width, GAP),))

    async def on_click(self, event: events.Click) -> None:
        x = 0
        for key in self._shown():
            width = width_of(_cap(key))
            if x <= event.x < x + width:
                await self.screen.run_action(key.action)
                return
            x += width + len(GAP[0])

    def _shown(self) -> list[Key]:
        caps = {span for span in self.lines[0] if span[1] is Tone.KEY} if self.lines else set()
        return [key for key in MONITOR_KEYS if key.footer and (f" {key.cap} ", Tone.KEY) in caps]


def _cap(key: Key) -> Line:
    return ((f" {key.cap} ", Tone.KEY), (f" {key.label}", Tone.DIM))
