"""New files in the working directory, named after host and time. No file is overwritten."""

import re
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from twtop.model import Snapshot
from twtop.sanitize import printable

UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
LONGEST_HOST, LONGEST_PATH, MOST_NAMESAKES = 48, 400, 99


def file_name(snapshot: Snapshot, kind: str) -> str:
    """A name such as `twtop-HOST-20261122-140211-peers.csv`; other characters of HOST than [A-Za-z0-9.-] become _."""
    host = UNSAFE.sub("_", snapshot.host)[:LONGEST_HOST].strip("._-") or "host"
    return f"twtop-{host}-{datetime.fromtimestamp(snapshot.time):%Y%m%d-%H%M%S}-{kind}"


def save_new(name: str, text: str) -> Path:
    """Write a new file and return its path. If the name is taken, a number is added to it. Raises OSError."""
    folder, wanted = Path.cwd(), Path(name)
    for number in count(1):
        path = folder / (name if number == 1 else f"{wanted.stem}-{number}{wanted.suffix}")
        try:
            file = path.open("x", encoding="utf-8", newline="")
        except FileExistsError:
            if number < MOST_NAMESAKES:
                continue
            raise
        try:
            with file:
                file.write(text)
        except OSError:
            with suppress(OSError):
                path.unlink()  # half a table is of no use
            raise
        return path
    raise AssertionError


def refusal(error: OSError) -> str:
    """One line that says why nothing was saved."""
    where = printable(str(Path(error.filename).parent), LONGEST_PATH) if error.filename else "the working directory"
    return f"Not saved: cannot write in {where}: {error.strerror}. Start twtop in a directory that you may write to."
