"""Who owns which socket: the walk over /proc/PID/fd, which only sees what this user may see."""

import os
from collections.abc import Iterator, Mapping

import numpy as np

from twtop.model import Owners, Process, Sockets


def socket_owners(proc: str = "/proc") -> dict[int, Process]:
    """Socket inode → process, for every process whose descriptors may be read. A socket that several share goes to
    the lowest pid."""
    owners: dict[int, Process] = {}
    for pid in sorted(int(name) for name in _entries(proc) if name.isdigit()):
        inodes = list(_socket_inodes(f"{proc}/{pid}/fd"))
        if inodes:
            process = Process(pid, _name(f"{proc}/{pid}/comm"))
            for inode in inodes:
                owners.setdefault(inode, process)
    return owners


def assign(sockets: Sockets, by_inode: Mapping[int, Process]) -> Owners:
    """The owner of each socket; a socket without one, as every TIME_WAIT is, stays unknown."""
    processes = tuple(dict.fromkeys(by_inode.values()))
    number = {process: i for i, process in enumerate(processes)}
    known = np.array(sorted(by_inode), np.uint32)
    codes = np.array([number[by_inode[int(inode)]] for inode in known], np.int32)
    owner = np.full(len(sockets), -1, np.int32)
    if len(known):
        at = np.minimum(np.searchsorted(known, sockets.inode), len(known) - 1)
        owner = np.where((known[at] == sockets.inode) & (sockets.inode != 0), codes[at], owner)
    return Owners(owner, np.zeros(len(sockets), np.bool_), processes)


def _entries(directory: str) -> list[str]:
    """The names in a directory, none when it is gone or may not be read."""
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _socket_inodes(directory: str) -> Iterator[int]:
    for descriptor in _entries(directory):
        try:
            target = os.readlink(f"{directory}/{descriptor}")
        except OSError:
            continue
        if target.startswith("socket:["):
            yield int(target[8:-1])


def _name(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().removesuffix("\n")
    except OSError:
        return ""
