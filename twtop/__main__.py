"""The process: python -m twtop, and the command of that name."""

import _signal  # type: ignore[import-not-found]  # built in; `signal` is loaded so long that it can be interrupted
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Run twtop and exit. Ctrl-C ends it without a word, also while it is still being loaded."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # a shell's background jobs ignore it
        _signal.signal(_signal.SIGINT, _end)
    from twtop.runtime import interpreter

    interpreter.while_loading()
    status: object = 0
    try:
        from twtop.cli.main import main as run

        run()
    except SystemExit as end:
        status = end.code
    interpreter.end(status if isinstance(status, int) else 0)


def _end(number: int, _: object) -> None:
    """An exception could come up anywhere. A load ends with its parent, and the monitor has handlers of its own."""
    os._exit(128 + number)


if __name__ == "__main__":
    main()
