"""The process: python -m twtop, and the command of that name."""

import signal
import sys
from typing import NoReturn

from twtop.runtime import interpreter


def main() -> NoReturn:
    """Run twtop and exit. Ctrl-C ends it without a word, also while it is still being loaded."""
    interpreter.while_loading()
    status: object = 0
    try:
        from twtop.cli.main import main as run

        run()
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except SystemExit as end:
        status = end.code
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            status = status or 1
    interpreter.end(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
