"""One process in detail: its user, its command line, its number of descriptors and their limit."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from twtop.model import Process
from twtop.processes.fd_search import process_name
from twtop.records import dataclass

if TYPE_CHECKING:
    import psutil

HELD_S = 120
"""Seconds for which a process may be remembered as an owner. A process of the same pid but another name is a new one if
it is younger than this, else the same one, renamed."""


@dataclass(frozen=True, slots=True)
class ProcessDetail:
    """What this user may know of a process; anything else is None. All texts come from outside and may hold anything.

    `gone` says that no process has the pid, or another one. `descriptors` is how many are open, `limit` the soft
    RLIMIT_NOFILE, at which open() fails with EMFILE.
    """

    process: Process
    gone: bool = False
    user: str | None = None
    command: tuple[str, ...] | None = None
    descriptors: int | None = None
    limit: int | None = None

    @property
    def share(self) -> float | None:
        """The open share of the descriptors that the process may have, 0 to 1."""
        return None if self.descriptors is None or not self.limit else self.descriptors / self.limit


def read_detail(process: Process) -> ProcessDetail:
    """Read a process. It takes milliseconds, more with many descriptors, so the thread that draws must not call it."""
    import psutil  # takes 0.05 s, which batch output need not spend

    try:
        found = psutil.Process(process.pid)
        told = found.as_dict([name for name in ("username", "cmdline", "num_fds") if hasattr(found, name)])
        limit, started = _descriptor_limit(found), found.create_time()
    except psutil.NoSuchProcess:
        return ProcessDetail(process, gone=True)
    if psutil.LINUX and process_name(process.pid) != process.name and time.time() - started < HELD_S:
        return ProcessDetail(process, gone=True)
    command = None if told["cmdline"] is None else tuple(told["cmdline"])
    return ProcessDetail(process, False, told["username"], command, told.get("num_fds"), limit)


def _descriptor_limit(found: "psutil.Process") -> int | None:
    """The soft RLIMIT_NOFILE; None where it is infinite or unknown."""
    import psutil

    if not hasattr(found, "rlimit"):  # as on macOS
        return None
    try:
        soft, _ = found.rlimit(psutil.RLIMIT_NOFILE)
    except psutil.AccessDenied:  # prlimit() needs CAP_SYS_RESOURCE for another user's process
        return _limit_in_proc(found.pid)
    return soft if soft >= 0 else None


def _limit_in_proc(pid: int) -> int | None:
    try:
        limits = Path(f"/proc/{pid}/limits").read_text("ascii", "replace")
    except OSError:
        return None
    soft = re.search(r"^Max open files +(\d{1,19}) ", limits, re.MULTILINE)
    return int(soft[1]) if soft else None
