"""The drill-down: the sockets of the selected row open beside the peers, and close again."""

from collections.abc import Callable

from twtop.frame.frame import Frame
from twtop.ui.engine_holder import EngineHolder
from twtop.ui.panels.peers import PeersTable
from twtop.ui.panels.process import ProcessPanel
from twtop.ui.panels.sockets import SocketsTable


class Drill:
    """Opens and closes the sockets table with the process panel below it; `set_class` sets a class of all panels."""

    def __init__(
        self,
        engine: EngineHolder,
        peers: PeersTable,
        sockets: SocketsTable,
        process: ProcessPanel,
        set_class: Callable[[str, bool], object],
    ) -> None:
        self._engine = engine
        self._peers = peers
        self._sockets = sockets
        self._process = process
        self._set_class = set_class

    @property
    def is_open(self) -> bool:
        return self._engine.view.drill is not None

    @property
    def table(self) -> PeersTable | SocketsTable:
        """The table that gets the focus when a prompt closes."""
        return self._sockets if self.is_open else self._peers

    def toggle(self) -> None:
        """Close the sockets if they have the focus; else open those of the selected peer."""
        if self._sockets.has_focus:
            self.close()
        elif (row := self._peers.selected) is not None:
            self._engine.show(drill=row.key)  # the panel opens together with its sockets, so that both are painted once

    def close(self) -> None:
        if self.is_open:
            self._engine.show(drill=None)
            self.show_process()
            self._set_class("drilled", False)
            self._peers.focus()

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's sockets, and open their panel if it is still closed."""
        self._sockets.show_frame(frame)
        if frame.view.drill is not None and not self._sockets.has_class("drilled"):
            self._set_class("drilled", True)
            self._sockets.focus()
        self.show_process()

    def show_process(self) -> None:
        """Draw the process of the selected socket."""
        self._process.show_socket(self._sockets.selected if self.is_open else None)
