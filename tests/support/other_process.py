"""Another process whose name the test chooses, and which holds a listener and connections."""

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
    """The child and its listener's port. Each method returns when the child has done it."""

    child: subprocess.Popen[bytes]
    port: int
    pid: int = field(init=False)

    def __post_init__(self) -> None:
        self.pid = self.child.pid

    def accept(self) -> None:
        """Accept one connection."""
        self.do("accept")

    def close(self) -> None:
        """Close the oldest connection that it holds."""
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
        """Connect to it and let it accept. Returns the client's end."""
        client = socket.create_connection(("127.0.0.1", self.port))
        self.accept()
        return client


@contextmanager
def server(name: str | bytes, *arguments: str | bytes) -> Iterator[Server]:
    """A child of this name, with these further arguments on its command line."""
    command = [sys.executable, "-I", "-S", HOLD, name, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        yield Server(child, int(child.stdout.readline()))
        child.stdin.close()
