"""Another process with a name of the test's choice, which holds a listener and connections."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HOLD = str(Path(__file__).with_name("holder_process.py"))


@dataclass
class Server:
    """The child; it does one thing at a time, and each method returns when that is done."""

    child: subprocess.Popen[bytes]
    port: int
    pid: int = field(init=False)

    def __post_init__(self) -> None:
        self.pid = self.child.pid

    def accept(self) -> None:
        """Accept one connection."""
        self.do("accept")

    def close(self) -> None:
        """Close the connection that is held longest."""
        self.do("close")

    def connect(self, port: int) -> None:
        """Connect to a port of this machine."""
        self.do(str(port))

    def do(self, what: str) -> None:
        assert self.child.stdin
        assert self.child.stdout
        self.child.stdin.write(f"{what}\n".encode())
        self.child.stdin.flush()
        assert self.child.stdout.readline() == b"done\n"

    def dial(self) -> socket.socket:
        """The client's end of a connection to it that it has accepted."""
        client = socket.create_connection(("127.0.0.1", self.port))
        self.accept()
        return client


@contextmanager
def server(name: str | bytes, *arguments: str | bytes) -> Iterator[Server]:
    """A child of that name, and with these further arguments on its command line."""
    command = [sys.executable, "-I", "-S", HOLD, name, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        yield Server(child, int(child.stdout.readline()))
        child.stdin.close()
