"""A process of any name that does what its standard input says: `accept`, `close`, or a port to connect to."""

import os
import socket
import sys
from pathlib import Path


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    Path("/proc/self/comm").write_bytes(os.fsencode(sys.argv[1]))
    server = socket.create_server(("127.0.0.1", 0))
    say(server.getsockname()[1])
    held: list[socket.socket] = []
    for line in sys.stdin:
        match line.rstrip("\n"):
            case "accept":
                held.append(server.accept()[0])
            case "close":
                held.pop(0).close()
            case port:
                held.append(socket.create_connection(("127.0.0.1", int(port))))
        say("done")


if __name__ == "__main__":
    main()
