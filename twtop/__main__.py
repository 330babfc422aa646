"""The process: python -m twtop, and the command of that name."""

import os
import signal
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run twtop and exit. Ctrl-C ends it without a word, also while it is still being loaded."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background jobs ignore it
        signal.signal(signal.SIGINT, _end)
    from twtop import runtime

    runtime.while_loading()
    status: object = 0
    try:
        from twtop.cli.main import main as run

        run()
    except SystemExit as end:
        status = end.code
    runtime.end(status if isinstance(status, int) else 0)


def _end(number: int, _: FrameType | None) -> NoReturn:
    """An exception could come up anywhere. A load ends with its parent, and the monitor has handlers of its own."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
