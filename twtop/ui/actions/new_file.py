"""New files in the working directory, named after host and time. No file is overwritten."""

import errno
import re
from datetime import datetime
from itertools import count
from pathlib import Path

from twtop.files.draft import drafted, opened_folder
from twtop.model import Snapshot
from twtop.sanitize import printable

UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
NOT_HERE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)
"""Errors for which another directory is the way out."""

LONGEST_HOST, LONGEST_PATH, MOST_NAMESAKES = 48, 400, 99


def file_name(snapshot: Snapshot, kind: str) -> str:
    """A name such as `twtop-HOST-20261122-140211-peers.csv`; other characters of HOST than [A-Za-z0-9.-] become _."""
    host = UNSAFE.sub("_", snapshot.host)[:LONGEST_HOST].strip("._-") or "host"
    return f"twtop-{host}-{datetime.fromtimestamp(snapshot.time):%Y%m%d-%H%M%S}-{kind}"


def save_new(name: str, text: str) -> Path:
    """Write a new file and return its path. If the name is taken, a number is added to it. Raises OSError."""
    here, wanted = Path.cwd(), Path(name)
    with opened_folder(here) as folder, drafted(name, text, folder) as draft:
        for number in count(1):
            free = name if number == 1 else f"{wanted.stem}-{number}{wanted.suffix}"
            try:
                draft.keep_as(free)
            except FileExistsError:
                if number == MOST_NAMESAKES:
                    raise
            else:
                return here / free
    raise AssertionError


def refusal(error: OSError) -> str:
    """One line that says why nothing was saved."""
    try:
        where = printable(str(Path.cwd()), LONGEST_PATH)
    except OSError:
        where = "the working directory"
    advice = "Start twtop in a directory that you may write to." if error.errno in NOT_HERE else ""
    return f"Not saved: cannot write in {where}: {error.strerror}. {advice}".rstrip()
