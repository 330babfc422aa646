"""Reads a small file of text. A path that a user or the environment names may lead to anything."""

import os
import stat
from pathlib import Path

MOST_BYTES = 1 << 16

AT_ONCE = getattr(os, "O_NONBLOCK", 0)
"""So that nobody waits for the writer of a FIFO. Windows has no such thing, and no FIFO in a folder."""

KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class RefusedFile(Exception):
    """There is something, but no small file of text. The message says what, in a few words."""


def read_small(path: str | Path, folder: int | None = None) -> str | None:
    """The text of a file, None where there is none. Raises RefusedFile, at once whatever the path leads to.

    A relative path begins at `folder`, the descriptor of a directory, or else at the working directory.
    """
    try:
        _refuse_other_kinds(os.stat(path, dir_fd=folder))  # to open a device or a FIFO would already do something
        descriptor = os.open(path, os.O_RDONLY | AT_ONCE, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            _refuse_other_kinds(os.fstat(descriptor))  # it may be another one by now
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise RefusedFile(error.strerror if isinstance(error, OSError) else str(error)) from error
    if len(content) > MOST_BYTES:
        raise RefusedFile(f"it has more than {MOST_BYTES >> 10} KiB")
    try:
        return content.decode("utf-8")
    except UnicodeError as error:
        raise RefusedFile("not UTF-8 text") from error


def _refuse_other_kinds(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise RefusedFile(f"it is {KINDS.get(stat.S_IFMT(found.st_mode), 'no file')}")
