"""What can be taken from a screen: the selected row, the table, the picture."""

from collections.abc import Callable

from textual import work
from textual.screen import Screen

from twtop.frame.frame import Frame
from twtop.sanitize import printable
from twtop.ui.actions.new_file import LONGEST_PATH, file_name, refusal, save_new
from twtop.ui.panels.peers import PeersTable
from twtop.ui.panels.sockets import SocketsTable


class ExportingScreen(Screen[None]):
    """A screen with `frame`, peers and sockets; the sockets are meant while they have the focus."""

    frame: Frame | None

    @property
    def _meant(self) -> PeersTable | SocketsTable:
        return self.focused if isinstance(self.focused, SocketsTable) else self.query_one(PeersTable)

    def action_copy(self) -> None:
        if copied := self._meant.row_text():
            self.app.copy_to_clipboard(copied)
            self.notify("Row copied to the clipboard", timeout=2)

    def action_save_table(self) -> None:
        if self.frame is not None:
            self._save(self.frame, f"{self._meant.id}.csv", self._meant.csv(self.frame))

    def save_screen(self) -> None:
        """With the panel over it, if there is one."""
        if self.frame is not None:
            drawn = self.app.export_screenshot(title="twtop")
            picture = drawn.replace("<svg ", '<svg xml:space="preserve" ', 1)  # else some viewers drop spaces
            self._save(self.frame, "screen.svg", lambda: picture)

    @work(thread=True)
    def _save(self, frame: Frame, kind: str, write: Callable[[], str]) -> None:
        """In a thread of its own, since a table may have a hundred thousand rows, and a disk may be slow."""
        try:
            path = save_new(file_name(frame.snapshot, kind), write())
        except OSError as error:
            self.notify(refusal(error), severity="error", markup=False)
        else:
            self.notify(f"Saved as {printable(str(path), LONGEST_PATH)}", markup=False)
