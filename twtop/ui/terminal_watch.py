"""Ends the process when it is told to or its terminal is gone, whatever the event loop does."""

import atexit
import contextlib
import errno
import os
import signal
import termios
from collections.abc import Callable
from types import FrameType

ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
"""Signals that end the monitor."""

GRACE_S = 1.5
"""How long the app may take to end by itself."""

RESTORE_S = 0.3
"""How long the terminal may take after that to be set back."""

LOOK_S = 1.0
"""Seconds between two looks at the terminal."""


class TerminalWatch:
    """Asks the app to leave upon a signal or the loss of the terminal; ends the process if that takes too long.

    `leave` is given the exit status, `restore` sets the terminal back. Both are called in a signal's handler of the
    main thread, and must not wait for locks. SIGALRM interrupts whatever that thread waits for: a write that nobody
    reads, another thread, a full queue.
    """

    def __init__(self, terminal: int, leave: Callable[[int], None], restore: Callable[[], None]) -> None:
        self._terminal = terminal
        self._leave = leave
        self._restore = restore
        self._status: int | None = None
        for name in ENDINGS:
            signal.signal(signal.Signals[name], self._told)
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
        # While Python ends it removes the handler; another SIGALRM would then kill it.
        atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)

    @property
    def is_ending(self) -> bool:
        """Has the process been told to end?"""
        return self._status is not None

    def stop(self) -> None:
        """The app has ended and the terminal is as before: the signals do what they always do.

        A process that was told to end is still ended in time; Python may wait for its threads.
        """
        for name in ENDINGS:
            signal.signal(signal.Signals[name], signal.SIG_DFL)
        self._restore = lambda: None
        if not self.is_ending:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _told(self, number: int, _: FrameType | None) -> None:
        if self._status is None:
            self._status = 128 + number
            signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        self._leave(128 + number)

    def _look(self, *_: object) -> None:
        if self._status is not None:
            self._end(self._status)
        elif _is_lost(self._terminal):
            signal.raise_signal(signal.SIGHUP)

    def _end(self, status: int) -> None:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(status))
        signal.setitimer(signal.ITIMER_REAL, RESTORE_S)
        try:
            self._restore()
        finally:
            os._exit(status)


def _is_lost(terminal: int) -> bool:
    """Has the terminal hung up? SIGHUP goes to its foreground alone."""
    try:
        termios.tcgetattr(terminal)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False


def in_foreground(terminal: int) -> bool:
    """May this process change its terminal? A terminal that is not its own one does not object."""
    with contextlib.suppress(OSError):
        return os.tcgetpgrp(terminal) == os.getpgrp()
    return True
