"""What the load reports, one text after the other, to who looks on: neither waits for the other."""

import contextlib
import socket

LONGEST = 4096


class Reports:
    """Both ends of a way from one process to the one that forked it. The newest report always gets through.

    Datagrams are whole, however many there are and whoever takes them.
    """

    def __init__(self) -> None:
        """Raises OSError where this process may open no more files."""
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def send(self, text: str) -> None:
        """Send a report. Where nobody reads, it takes the place of older ones."""
        while True:
            try:
                self._writer.send(text.encode())
                return
            except BlockingIOError:
                self.newest()

    def newest(self) -> str:
        """The last report that nobody has read; empty where there is none."""
        text = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                text = self._reader.recv(LONGEST)
        return text.decode()
