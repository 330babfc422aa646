"""The process: python -m twtop, and the command of that name."""

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run twtop; Ctrl-C ends it without a word, also while it is still being loaded."""
    try:
        from twtop.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
