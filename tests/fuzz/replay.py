"""What is in the corpus, once more and without atheris: `python -m tests.fuzz.replay [FILE]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.registry import NAMES, target

CORPUS = Path(__file__).with_name("corpus")
FOUND = "found"


def inputs(name: str) -> Iterator[Path]:
    """The files of this target, those that were findings too."""
    return (path for path in sorted((CORPUS / name).rglob("*")) if path.is_file())


def replay_all(name: str) -> None:
    """Try all files of a target. Raises what the target raises."""
    for path in inputs(name):
        target(name).check(path.read_bytes())


def replay(path: Path) -> None:
    """Try this file on the target whose folder it is in. Raises what the target raises."""
    (name,) = {*NAMES} & {*path.absolute().parts}
    target(name).check(path.read_bytes())


def main() -> None:
    for path in sys.argv[1:]:
        replay(Path(path))
    for name in NAMES if not sys.argv[1:] else ():
        replay_all(name)
    print("nothing found")


if __name__ == "__main__":
    main()
