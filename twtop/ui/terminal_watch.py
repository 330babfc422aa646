"""Ends the process when its terminal is gone, since Textual may wait for ever to write to it."""

import atexit
import errno
import os
import signal
import sys

GRACE_S = 3.0
"""Seconds between two looks at the terminal. The app has as long to end by itself once the terminal is gone."""

if sys.platform != "win32":

    def end_without(terminal: int, grace_s: float = GRACE_S) -> None:
        """Watch this descriptor from now on, by SIGALRM, which interrupts whatever the main thread waits for.

        The exit status is that of a SIGHUP.
        """
        try:
            import termios
        except ImportError:  # this system has no such terminals
            return
        missed = False

        def look(*_: object) -> None:
            nonlocal missed
            try:
                termios.tcgetattr(terminal)
            except termios.error as error:
                if error.args[0] == errno.EIO:
                    if missed:
                        os._exit(128 + signal.SIGHUP)
                    missed = True

        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, grace_s, grace_s)
        # While Python ends it removes the handler; another SIGALRM would then kill it.
        atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
