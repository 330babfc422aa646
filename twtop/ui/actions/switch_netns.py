"""From one network namespace to another: the list, and one move at a time."""

from textual.screen import Screen

from twtop.engine.engine import Engine
from twtop.frame.frame import Frame
from twtop.model import Netns
from twtop.ui.dialogs.namespaces import NamespacesScreen, Places
from twtop.ui.messages import Moved, Refused


class MovingScreen(Screen[None]):
    """A screen with `frame` and an engine; Moved tells it to go on with another one, and that it has `arrived`."""

    frame: Frame | None
    _engine: Engine
    _places: Places | None

    def __init__(self) -> None:
        super().__init__()
        self._going_to: Netns | None = None

    def action_namespaces(self) -> None:
        if self._places is None:
            self.notify("this source has no other network namespaces", timeout=4)
            return
        netns = self.frame.snapshot.netns if self.frame else ""
        watched = int(netns[5:-1]) if netns.startswith("net:[") else None
        self.app.push_screen(NamespacesScreen(self._places, watched), self._go_to)

    def _go_to(self, place: Netns | None) -> None:
        """One move at a time, for each ends the engine of the one before; of those wanted meanwhile the last counts."""
        if place is None:
            return
        on_the_way, self._going_to = self._going_to is not None, place
        if not on_the_way:
            self._move(place)

    def _move(self, place: Netns) -> None:
        """Entering and ending the engine of before may take their time: in a thread."""
        places, engine = self._places, self._engine
        assert places is not None

        def move() -> None:
            if (reason := places.refusal(place)) is not None:
                self.post_message(Refused(place, reason))
                return
            engine.stop()
            self.post_message(Moved(place, places.engine(place)))

        self.run_worker(move, thread=True, group="namespaces")

    def arrived(self, place: Netns) -> None:
        """This move is over, and the next begins if another place is wanted by now."""
        wanted, self._going_to = self._going_to, None
        if wanted is not place:
            self._go_to(wanted)

    def on_refused(self, message: Refused) -> None:
        self.notify(message.reason, severity="error", timeout=8, markup=False)
        self.arrived(message.place)
