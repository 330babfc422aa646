"""The network namespaces of this machine: which processes are in each, and how many TIME_WAIT it holds."""

import os
import re
import threading
from collections import defaultdict

from twtop.model import Process
from twtop.namespaces import Netns, NetnsListing, NetnsTarget
from twtop.processes.fd_search import process_name
from twtop.sanitize import printable
from twtop.sources import netns
from twtop.sources.netns import RUN
from twtop.sources.probe import CollectError, own_directory


def list_namespaces(run: str = RUN, proc: str = "/proc") -> NetnsListing:
    """All namespaces that have a name or a process. Raises OSError where there is no /proc.

    It walks over all processes, so the thread that draws must not call it.
    """
    own = os.stat(f"{proc}/self/ns/net")
    inside: defaultdict[int, list[Process]] = defaultdict(list)
    hidden = 0
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        try:
            os.readlink(f"{proc}/{pid}/exe")  # a kernel thread has none
            inside[os.stat(f"{proc}/{pid}/ns/net").st_ino].append(Process(pid, process_name(pid, proc)))
        except PermissionError:
            hidden += 1
        except OSError:  # it has ended
            continue
    called: dict[int, str] = {}
    for name in netns.names(run):
        try:
            mounted = os.stat(f"{run}/{name}")
        except OSError:
            continue
        if mounted.st_dev == own.st_dev:  # else the namespace was unmounted and only its name is left
            called.setdefault(mounted.st_ino, name)
    found = []
    for inode in {own.st_ino, *called, *inside}:
        target = None if inode == own.st_ino else _target(called.get(inode), inside[inode], run, proc)
        count = _time_wait(f"{proc}/self/net", inside[inode], target, proc)
        found.append(Netns(inode, target, tuple(inside[inode]), count))
    found.sort(key=lambda each: (each.target is not None, -(each.time_wait or 0), each.inode))
    return NetnsListing(tuple(found), hidden)


def _target(name: str | None, inside: list[Process], run: str, proc: str) -> NetnsTarget:
    """The way in: by the name of `ip netns` if it has one, else by any process inside."""
    paths = tuple(f"{proc}/{process.pid}/ns/net" for process in inside)
    if name is not None:
        return NetnsTarget(printable(name), (f"{run}/{name}", *paths), "it has no name and no process any more")
    return NetnsTarget(f"pid {inside[0].pid} ({printable(inside[0].name)})", paths, "its last process has ended")


def _time_wait(own: str, inside: list[Process], target: NetnsTarget | None, proc: str) -> int | None:
    """How many TIME_WAIT it holds; None where that cannot be read.

    Anyone may read the counters of any process. A namespace without a process has to be entered, by a new thread.
    """
    if target is None:
        return _counted(own)
    for process in inside:
        if (count := _counted(f"{proc}/{process.pid}/net")) is not None:
            return count
    counts: list[int | None] = []

    def inner() -> None:
        try:
            netns.enter(target)
            counts.append(_counted(f"{own_directory(proc)}/net"))
        except CollectError:
            counts.append(None)

    thread = threading.Thread(target=inner)
    thread.start()
    thread.join()
    return counts[0]


def _counted(directory: str) -> int | None:
    """`tw` of sockstat in this directory; None where it cannot be read."""
    try:
        with open(f"{directory}/sockstat", encoding="ascii", errors="replace") as file:
            found = re.search(r"^TCP:.* tw (\d{1,19})\b", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
