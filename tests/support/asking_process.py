"""A process of any name: `serve` answers after some milliseconds, `ask` opens, asks and closes at a rate for ever."""

import os
import socket
import sys
import time
from pathlib import Path


def serve(lasts_s: float) -> None:
    server = socket.create_server(("127.0.0.1", 0), backlog=1000)
    sys.stdout.write(f"{server.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        client, _ = server.accept()
        with client:
            time.sleep(lasts_s)
            client.sendall(client.recv(1))
            client.recv(1)  # the client closes first


def ask(port: int, per_s: float) -> None:
    due = time.monotonic()
    while True:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"?")
            client.recv(1)
        due = max(due + 1 / per_s, time.monotonic() - 0.1)
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    name, role, *rest = sys.argv[1:]
    Path("/proc/self/comm").write_bytes(os.fsencode(name))
    if role == "serve":
        serve(float(rest[0]))
    else:
        ask(int(rest[0]), float(rest[1]))
