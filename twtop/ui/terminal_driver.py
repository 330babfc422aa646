"""Textual's driver of the terminal, without the defects by which the monitor would crash, hang or stay.

Textual 8.2 starts another input thread for each SIGCONT that follows no SIGTSTP, stops for good when it is told to end
in the background, panics at input that is not UTF-8 or that its parser refuses, and waits for ever to write to a
terminal that nobody reads. What is private to Textual and needed against this is used in this file alone.
"""

import contextlib
import os
import select
import signal
import termios
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from twtop.ui.terminal_watch import TerminalWatch, in_foreground

POLL_S = 0.1
"""How often the input thread looks whether it should end. An escape key alone is told from a sequence as often."""

MOST_CELLS = 4_000_000
"""A screen of more cells is a mistake of who reports it: it would take the memory of the machine."""

RESTORE = (
    "\x1b\\"  # the end of whatever was cut off
    "\x1b[?2026l\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1016l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u"
    "\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Undoes all modes that LinuxDriver sets, in its order."""


class TerminalDriver(LinuxDriver):
    """Draws on a terminal that may be stopped, continued, taken by others and lost at any moment."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._draws = False
        self._changes = False
        self._left = False
        self._raw: list[Any] | None = None
        signal.signal(signal.SIGTSTP, partial(self._soon, self._stop))
        signal.signal(signal.SIGCONT, partial(self._soon, self._go_on))
        self._watch = TerminalWatch(self.fileno, self._leave, self._restore)

    # How it ends

    @property
    def _is_ending(self) -> bool:
        return self._left or self._watch.is_ending

    def _leave(self, status: int) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(partial(self._app.exit, return_code=status))

    def _restore(self) -> None:
        """Set the terminal back by system calls alone, in the place of all that is still to be drawn.

        The thread that writes may hold the terminal: it is made to write elsewhere.
        """
        if self._file is None or not self._writes or not in_foreground(self.fileno):
            return
        drawn = self._file.fileno()
        out = os.dup(drawn)
        os.dup2(os.open(os.devnull, os.O_WRONLY), drawn)
        signal.signal(signal.SIGWINCH, lambda *_: None)
        for thread in (self._writer_thread, self._key_thread):
            if thread is not None and thread.ident is not None and thread.is_alive():
                signal.pthread_kill(thread.ident, signal.SIGWINCH)
        with contextlib.suppress(termios.error):
            termios.tcflush(out, termios.TCOFLUSH)
            if self.attrs_before is not None:
                termios.tcsetattr(out, termios.TCSANOW, self.attrs_before)
        os.write(out, RESTORE.encode())

    def close(self) -> None:
        if self._writes:
            super().close()
        if not self._changes:
            self._watch.stop()

    # Stopped and continued

    def start_application_mode(self) -> None:
        """Take the terminal, once this process is in its foreground."""
        with self._changing():
            while not self._draws and not self._is_ending:
                while not in_foreground(self.fileno) and not self._is_ending:
                    os.kill(os.getpid(), signal.SIGSTOP)
                before = self._key_thread
                super().start_application_mode()  # type: ignore[no-untyped-call]
                self._draws = self._key_thread is not before  # else it was put into the background meanwhile
            with contextlib.suppress(termios.error):
                self._raw = termios.tcgetattr(self.fileno)

    def stop_application_mode(self) -> None:
        self._left = self._left or not self._changes
        if self._draws:
            if not in_foreground(self.fileno):
                self.attrs_before = None  # the settings of whoever is
            self.write("\x1b[?1016l")  # set for terminals that report their own size
            super().stop_application_mode()
            self._draws = False

    def disable_input(self) -> None:
        """End the input thread, also in the background, where SIGTTOU would stop the process."""
        if not in_foreground(self.fileno):
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        super().disable_input()

    def write(self, data: str) -> None:
        """Write to the terminal, and nothing while it belongs to others."""
        if self._writes:
            super().write(data)

    @property
    def _writes(self) -> bool:
        return self._writer_thread is not None and self._writer_thread.is_alive()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Signals that stop and continue are ignored while one of them is obeyed."""
        before, self._changes = self._changes, True
        try:
            yield
        finally:
            self._changes = before

    def _soon(self, obey: Callable[[], None], *_: object) -> None:
        """Obey a signal once the event loop has its turn: now it may hold the lock of what is to be drawn."""
        if not self._changes:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                self._loop.call_soon_threadsafe(obey)

    def _stop(self) -> None:
        if self._changes:
            return
        with self._changing():
            self.suspend_application_mode()
            os.kill(os.getpid(), signal.SIGSTOP)
        self._go_on()

    def _go_on(self) -> None:
        """Take the terminal again if it was given back, or changed by others while this process was stopped."""
        if self._changes or self._is_ending:
            return
        with self._changing():
            while not in_foreground(self.fileno) and not self._is_ending:
                os.kill(os.getpid(), signal.SIGSTOP)
            if self._is_ending or (self._draws and not self._is_taken()):
                return
            if self._draws:
                self.suspend_application_mode()
            self._must_signal_resume = True
            self.resume_application_mode()
            self._loop.call_soon_threadsafe(self._app.refresh)

    def _is_taken(self) -> bool:
        with contextlib.suppress(termios.error):
            return termios.tcgetattr(self.fileno) != self._raw
        return False

    # What is typed

    def run_input_thread(self) -> None:
        """Read until the app ends or the terminal is gone. What cannot be understood is left out."""
        parser = XTermParser()
        decode = getincrementaldecoder("utf-8")("ignore").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], POLL_S)[0]:
                try:
                    read = os.read(self.fileno, 4096)
                except BlockingIOError:  # another process of this terminal was faster
                    continue
                except OSError:
                    return
                if not read:
                    return
                for character in decode(read):
                    parser = self._parse(parser, character)
            parser = self._parse(parser, "")

    def _parse(self, parser: XTermParser, character: str) -> XTermParser:
        """Pass on what this character completes, or the time that has passed if there is none; the parser for the next.

        The parser ends at some sequences: by a code point that there is none of, or a terminal of 0 pixels.
        """
        try:
            for message in parser.feed(character) if character else parser.tick():
                self.process_message(message)
        except (ArithmeticError, LookupError, ValueError, StopIteration, RuntimeError):
            fresh = XTermParser()
            fresh.mouse_pixels = parser.mouse_pixels
            fresh.terminal_size, fresh.terminal_pixel_size = parser.terminal_size, parser.terminal_pixel_size
            return fresh
        return parser

    def process_message(self, message: Message) -> None:
        """Pass on a key, the mouse or a report of the terminal. Ctrl-C does not wait for the event loop."""
        if isinstance(message, events.Key) and message.key == "ctrl+c":
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGINT)
        elif not isinstance(message, events.Resize) or 0 < message.size.area <= MOST_CELLS:
            super().process_message(message)
