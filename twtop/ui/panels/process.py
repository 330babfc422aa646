"""Below the sockets: the process of the selected socket, its descriptors, user and command line."""

from collections.abc import Callable, Sequence
from functools import partial

from textual.geometry import Size
from textual.worker import Worker

from twtop import formatting as fmt
from twtop.columns.socket_rows import SocketRow
from twtop.columns.tones import Line, Tone, aligned
from twtop.model import Process, TcpState
from twtop.processes.detail import ProcessDetail, read_detail
from twtop.sanitize import printable
from twtop.ui.kit.background import in_background
from twtop.ui.kit.lines import Part, fit
from twtop.ui.kit.panel import LinePanel
from twtop.verdicts.verdict import SHARE_CRITICAL, SHARE_WARN

LONGEST_COMMAND = 1000
READ_EVERY_S = 1.0

ReadProcess = Callable[[Process], ProcessDetail]
"""May take long: it is called in a thread."""


class ProcessPanel(LinePanel):
    """Two lines, or one where there is no room for more.

    It reads its process at once when another one is shown, then every second while it is on the screen and not paused.
    `detail` is None until the process that is shown has been read.
    """

    def __init__(self, read: ReadProcess = read_detail) -> None:
        super().__init__(id="process")
        self.detail: ProcessDetail | None = None
        self.paused = False
        self._read_process = read
        self._row: SocketRow | None = None
        self._process: Process | None = None
        self._reading: Worker[None] | None = None

    def on_mount(self) -> None:
        self._clock = self.set_interval(READ_EVERY_S, self._read_again, pause=True)

    def show_socket(self, row: SocketRow | None) -> None:
        """Draw the process that this socket belongs to; nothing without a socket."""
        self._row, before, self._process = row, self._process, row.process if row else None
        if self._process != before:
            self._inspect(self._process)
        self.draw()

    def _inspect(self, process: Process | None) -> None:
        """Read this process from now on, and drop what was read or is still being read of another one."""
        self.detail = None
        self._clock.pause()
        if self._reading is not None:
            self._reading.cancel()
        if process is not None:
            self._reading = self.run_worker(partial(self._read, process))
            self._clock.reset()
            self._clock.resume()

    def _read_again(self) -> None:
        over = self._reading is not None and self._reading.is_finished
        if over and self._process is not None and self.is_on_screen and not self.paused:
            self._reading = self.run_worker(partial(self._read, self._process))

    async def _read(self, process: Process) -> None:
        self.detail = await in_background(partial(self._read_process, process))
        self.draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        width = size.width
        if self._row is None:
            return ()
        if (process := self._row.process) is None:
            return (aligned(((_unknown(self._row), Tone.DIM),), width),)
        parts = [Part(_name(self._row, process), 3), *_known(process, self.detail)]
        command = _command(self.detail)
        if size.height > 1:
            return (fit(parts, width), aligned(command, width))
        return (aligned((*fit(parts, width), ("  ", Tone.PLAIN), *command), width),)


def _unknown(row: SocketRow) -> str:
    if row.held:
        return "Process unknown: not found yet, or only root may see it"
    if row.frame.snapshot.tells_owners and row.state is not TcpState.TIME_WAIT:
        return f"Process unknown: {row.frame.snapshot.source} does not tell, root may see more"
    return "No process: the socket is closed; whose it was is unknown"


def _name(row: SocketRow, process: Process) -> Line:
    name = (printable(process.name), Tone.STRONG)
    if row.met:
        return (name, (", seen to connect here, pid ", Tone.DIM), (str(process.pid), Tone.PLAIN))
    if row.inferred:
        return (name, (" (inferred), pid ", Tone.DIM), (str(process.pid), Tone.PLAIN))
    if not row.held:
        return (name, (f" {process.pid}", Tone.PLAIN), (", which closed it", Tone.DIM))
    return (name, (f" {process.pid}", Tone.PLAIN))


def _known(process: Process, detail: ProcessDetail | None) -> list[Part]:
    if detail is None:
        return []
    if detail.gone:
        return [Part(((f"pid {process.pid} is gone", Tone.DIM),), 2)]
    user = fmt.UNKNOWN if detail.user is None else printable(detail.user, 32)
    figures = f"{fmt.count(detail.descriptors)} of {fmt.count(detail.limit)}"
    share = "" if detail.share is None else f" ({fmt.percent(detail.share)})"
    return [
        Part((("descriptors ", Tone.DIM), (f"{figures}{share}", _tone(detail.share))), 2),
        Part((("user ", Tone.DIM), (user, Tone.PLAIN)), 1),
    ]


def _tone(share: float | None) -> Tone:
    if share is None or share < SHARE_WARN:
        return Tone.PLAIN
    return Tone.CRITICAL if share >= SHARE_CRITICAL else Tone.WARN


def _command(detail: ProcessDetail | None) -> Line:
    if detail is None or detail.gone:
        return ()
    if detail.command is None:
        return (("its command line may not be read", Tone.DIM),)
    return ((printable(" ".join(detail.command), LONGEST_COMMAND), Tone.DIM),)
