"""The thread that reads the keys goes on where another process of the terminal took what there was to read."""

import os
import threading

import pytest
from textual import events
from textual.message import Message

from twtop.ui.terminal_driver import TerminalDriver


class Keys(TerminalDriver):
    """Reads from a descriptor, and ends after the first key."""

    def __init__(self, descriptor: int) -> None:
        self.fileno = descriptor
        self.exit_event = threading.Event()
        self.keys: list[str] = []

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.Key):
            self.keys.append(message.key)
            self.exit_event.set()


def test_what_another_process_took_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that one of its processes made non-blocking then says EAGAIN to the others."""
    reader, writer = os.pipe()
    read, taken = os.read, [BlockingIOError()]

    def late(descriptor: int, most: int) -> bytes:
        if descriptor == reader and taken:
            raise taken.pop()
        return read(descriptor, most)

    monkeypatch.setattr(os, "read", late)
    os.write(writer, b"q")
    driver = Keys(reader)
    driver.run_input_thread()
    for each in (reader, writer):
        os.close(each)
    assert driver.keys == ["q"]
