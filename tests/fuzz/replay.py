"""What is in the corpus, once more and without atheris: `python -m tests.fuzz.replay [FILE]`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.registry import NAMES, target
from tests.fuzz.target import Finding

CORPUS = Path(__file__).with_name("corpus")
FOUND = "found"
LIMIT_S = 10.0
"""CPU seconds after which an input hangs, however busy the machine is."""


def inputs(name: str) -> Iterator[Path]:
    """The files of this target, those that were findings too."""
    return (path for path in sorted((CORPUS / name).rglob("*")) if path.is_file())


def replay_all(name: str) -> None:
    """Try all files of a target. Raises what the target raises."""
    for path in inputs(name):
        replay(path)


def replay(path: Path) -> None:
    """Try this file on the target whose folder it is in. Raises what the target raises, Finding where it hangs."""
    (name,) = {*NAMES} & {*path.absolute().parts}
    with _limited():
        target(name).check(path.read_bytes())


@contextmanager
def _limited() -> Iterator[None]:
    def end(*_: object) -> None:
        raise Finding(f"hangs: it takes more than {LIMIT_S:g} s of a CPU")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def main() -> None:
    for path in sys.argv[1:]:
        replay(Path(path))
    for name in NAMES if not sys.argv[1:] else ():
        replay_all(name)
    print("nothing found")


if __name__ == "__main__":
    main()
