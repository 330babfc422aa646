"""What can be taken from the screen: a row to the clipboard, a table as CSV, the screen as a picture."""

from collections.abc import Callable
from functools import partial

from textual.screen import Screen

from twtop.frame.frame import Frame
from twtop.sanitize import printable
from twtop.ui.actions.new_file import LONGEST_PATH, file_name, refusal, save_new
from twtop.ui.panels.peers import PeersTable
from twtop.ui.panels.sockets import SocketsTable


class Export:
    """`frame` gives what is on the screen, None before the first; `table` the table that the user means."""

    def __init__(
        self,
        screen: Screen[None],
        frame: Callable[[], Frame | None],
        table: Callable[[], PeersTable | SocketsTable],
    ) -> None:
        self._screen = screen
        self._frame = frame
        self._table = table

    def copy_row(self) -> None:
        """Copy the selected row to the clipboard, as name=value."""
        if copied := self._table().row_text():
            self._screen.app.copy_to_clipboard(copied)
            self._screen.notify("Row copied to the clipboard", timeout=2)

    def save_table(self) -> None:
        """Save all rows of the table in their order as CSV."""
        if (frame := self._frame()) is not None:
            table = self._table()
            self._save(frame, f"{table.id}.csv", table.csv(frame))

    def save_screen(self) -> None:
        """Save the whole screen as SVG, with the dialog over it if there is one."""
        if (frame := self._frame()) is not None:
            drawn = self._screen.app.export_screenshot(title="twtop")
            picture = drawn.replace("<svg ", '<svg xml:space="preserve" ', 1)  # else some viewers drop spaces
            self._save(frame, "screen.svg", lambda: picture)

    def _save(self, frame: Frame, kind: str, content: Callable[[], str]) -> None:
        """In a thread, since a table may have a hundred thousand rows and a disk may be slow."""
        self._screen.run_worker(partial(self._write, frame, kind, content), thread=True)

    def _write(self, frame: Frame, kind: str, content: Callable[[], str]) -> None:
        try:
            path = save_new(file_name(frame.snapshot, kind), content())
        except OSError as error:
            self._screen.notify(refusal(error), severity="error", markup=False)
        else:
            self._screen.notify(f"Saved as {printable(str(path), LONGEST_PATH)}", markup=False)
