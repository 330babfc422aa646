"""From one network namespace to another: the list to choose from, and one move at a time."""

from collections.abc import Callable
from functools import partial

from textual.screen import Screen
from textual.worker import Worker

from twtop.frame.frame import Frame
from twtop.namespaces import Netns
from twtop.ui.dialogs.namespaces import NamespacesScreen, NetnsCatalog
from twtop.ui.engine_holder import EngineHolder, MakeEngine
from twtop.ui.kit.background import in_background


class SwitchNetns:
    """Ends the engine of the old namespace, then hands `go_on` what makes the engine of the new one."""

    def __init__(
        self,
        screen: Screen[None],
        catalog: NetnsCatalog,
        frame: Callable[[], Frame | None],
        engine: EngineHolder,
        go_on: Callable[[MakeEngine], object],
    ) -> None:
        self._screen = screen
        self._catalog = catalog
        self._frame = frame
        self._engine = engine
        self._go_on = go_on
        self._wanted: Netns | None = None
        self._moving: Worker[None] | None = None

    def choose(self) -> None:
        """Open the dialog that lists the namespaces."""
        frame = self._frame()
        name = frame.snapshot.netns if frame else ""
        watched = int(name[5:-1]) if name.startswith("net:[") else None
        self._screen.app.push_screen(NamespacesScreen(self._catalog, watched), self._move_to)

    def _move_to(self, netns: Netns | None) -> None:
        """Begin a move, unless one is under way: that one then goes on to this namespace."""
        if netns is not None:
            self._wanted = netns
            if self._moving is None or self._moving.is_finished:
                self._moving = self._screen.run_worker(self._move)

    async def _move(self) -> None:
        """Move until no other namespace has been chosen meanwhile; of several the last one counts."""
        while (netns := self._wanted) is not None:
            self._wanted = None
            reason = await in_background(partial(self._catalog.refusal, netns))
            if reason is not None:
                self._screen.notify(reason, severity="error", timeout=8, markup=False)
            else:
                await in_background(self._engine.stop)
                self._go_on(self._catalog.engine(netns))
