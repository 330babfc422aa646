"""A terminal that is gone ends the process, whatever that waits for: Textual may wait for ever to write to it."""

import atexit
import errno
import os
import signal
import sys

GRACE_S = 3.0
"""How often the terminal is looked for, and how long the app has to end by itself without one."""

if sys.platform != "win32":

    def end_without(terminal: int, grace_s: float = GRACE_S) -> None:
        """From now on; SIGALRM interrupts any wait of the main thread. The status is that of a SIGHUP."""
        try:
            import termios
        except ImportError:  # a system without it has no such terminal to lose
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
        # Python takes the handler away while it ends; one more SIGALRM would then kill it.
        atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
