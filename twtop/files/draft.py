"""Writes a file whole or not at all, and never over something else.

The text goes into a file without a name (O_TMPFILE of open(2)), which is gone when the process ends, however it ends.
Once it is whole it gets its name. Where the file system has no such files, as NFS, it goes into a new file beside it.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twtop.records import dataclass

OWNERS_ALONE = 0o600
"""A table of sockets tells who talks to whom, and processes that other users do not see."""

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
WITHOUT_NAME: int | None = getattr(os, "O_TMPFILE", None)
"""Linux alone has it, and Windows no O_NOFOLLOW either."""

NOT_SUPPORTED = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS)
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What link(2) says where the file system has no hard links, as FAT."""


@contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """The descriptor of a directory: it stays the same one, whatever takes its place meanwhile. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole file that has no name yet. `path` leads to it from the directory `folder`, which is a descriptor."""

    folder: int
    path: str

    def keep_as(self, name: str) -> None:
        """Give it a name in the folder. Raises FileExistsError where the name is taken, by whatever, and OSError."""
        try:
            os.link(self.path, name, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=True)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            os.close(os.open(name, NEW, OWNERS_ALONE, dir_fd=self.folder))  # nobody else can take the name now
            self._rename(self.path, name, instead_of=name)

    def replace(self, name: str) -> None:
        """Put it in the place of a regular file, or where nothing is. Raises OSError."""
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.stat(name, dir_fd=self.folder, follow_symlinks=False).st_mode):
                raise FileExistsError(errno.EEXIST, "there is something else than a file", name)
        beside = _unused(name)
        self.keep_as(beside)
        self._rename(beside, name, instead_of=beside)

    def _rename(self, path: str, name: str, instead_of: str) -> None:
        """Rename the file, or remove `instead_of`."""
        try:
            os.replace(path, name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        except BaseException:
            _remove(self.folder, instead_of)
            raise


@contextmanager
def drafted(name: str, text: str, folder: int) -> Iterator[Draft]:
    """A draft of this text, for a file of this name in `folder`. What has got no name is gone in the end.

    Raises OSError.
    """
    descriptor, beside = _opened(name, folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)  # only now is it sure that the disk has room, as on NFS
            yield Draft(folder, beside or f"/proc/self/fd/{descriptor}")
    finally:
        if beside:
            _remove(folder, beside)


def _opened(name: str, folder: int) -> tuple[int, str]:
    """(a new file, its name beside the others or empty)."""
    if WITHOUT_NAME is not None:
        try:
            return os.open(".", WITHOUT_NAME | os.O_WRONLY, OWNERS_ALONE, dir_fd=folder), ""
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
    beside = _unused(name)
    return os.open(beside, NEW, OWNERS_ALONE, dir_fd=folder), beside


def _unused(name: str) -> str:
    """A name beside this one that nobody guesses."""
    return f".{name}.{secrets.token_hex(8)}"


def _remove(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
