"""How often the sockets are read: the pause, and the interval."""

from collections.abc import Callable

from twtop.ui.engine_holder import EngineHolder
from twtop.ui.panels.header import Header
from twtop.ui.panels.process import ProcessPanel


class Pace:
    """Changes the engine's pace, and tells the panels of it; `set_class` sets a class of all panels."""

    def __init__(
        self,
        engine: EngineHolder,
        header: Header,
        process: ProcessPanel,
        set_class: Callable[[str, bool], object],
    ) -> None:
        self._engine = engine
        self._header = header
        self._process = process
        self._set_class = set_class

    def toggle_pause(self) -> None:
        self._engine.pause(not self._engine.paused)
        self.show_pause()

    def show_pause(self) -> None:
        """Let the panels look as the engine is: paused or not."""
        paused = self._engine.paused
        self._header.show_pause(paused)
        self._process.paused = paused
        self._set_class("paused", paused)

    def slower(self) -> None:
        self._engine.slower()
        self._header.show_interval(self._engine.interval)

    def faster(self) -> None:
        self._engine.faster()
        self._header.show_interval(self._engine.interval)
