"""Another network namespace: how to find it, how a thread gets into it, and whether it is still there."""

import errno
import os
import threading

from twtop.namespaces import NetnsTarget
from twtop.runtime.system_call import system_call
from twtop.sanitize import printable
from twtop.sources.probe import CollectError

RUN = "/run/netns"
"""Where `ip netns` keeps its names: each is a file on which the namespace is mounted."""

MOST_NAMES = 8
"""How many names of `ip netns` an error lists."""

TAKES = "-N takes a pid, a name of 'ip netns', or a path such as /proc/PID/ns/net"

CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
"""linux/sched.h; Python has them from 3.12 on."""


def find(text: str, run: str = RUN, proc: str = "/proc") -> NetnsTarget:
    """The namespace that `-N` names: by a path, the pid of a process inside, or a name of `ip netns`.

    Raises CollectError.
    """
    shown = printable(text)
    if not text:
        raise CollectError("-N needs a name of 'ip netns', the pid of a process, or a path")
    if "/" in text:
        target = NetnsTarget(shown, (text,), "nothing is mounted there any more")
    elif _is_pid(text) and not os.path.exists(f"{run}/{text}"):
        target = NetnsTarget(f"pid {shown}", (f"{proc}/{text}/ns/net",), "its process has ended")
    else:
        target = NetnsTarget(shown, (f"{run}/{text}",), "'ip netns' has no such name any more")
    path = target.paths[0]
    try:
        if os.stat(path).st_dev != os.stat(f"{proc}/self/ns/net").st_dev:
            raise CollectError(f"{printable(path)} is no network namespace: -N takes a path such as /proc/PID/ns/net")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise CollectError(_nothing_there(text, run)) from error
    except PermissionError as error:
        raise CollectError(_forbidden(target)) from error
    except OSError as error:
        raise CollectError(f"cannot look for network namespace {shown}: {error.strerror}; {TAKES}") from error
    return target


def names(run: str = RUN) -> list[str]:
    """The names that `ip netns` has, in order."""
    try:
        return sorted(os.listdir(run))
    except OSError:
        return []


def enter(target: NetnsTarget) -> int:
    """Move the calling thread, and no other, into this namespace. Returns the namespace's inode.

    Raises CollectError; the thread then stays where it is.
    """
    try:
        descriptor = os.open(target.paths[0], os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            system_call("setns", descriptor, CLONE_NEWNET)
            return os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)
    except PermissionError as error:
        raise CollectError(_forbidden(target)) from error
    except FileNotFoundError as error:
        raise CollectError(f"netns {target.name} is gone: {target.how_gone}") from error
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise CollectError(f"{target.name} is a namespace of another kind: {TAKES}") from error
        raise CollectError(f"cannot enter network namespace {target.name}: {error.strerror}") from error


def refusal(target: NetnsTarget) -> str | None:
    """The line with which `enter` would fail, None where it would succeed. The calling thread stays where it is."""
    faults: list[str] = []

    def attempt() -> None:
        try:
            enter(target)
        except CollectError as fault:
            faults.append(str(fault))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return faults[0] if faults else None


def missing(target: NetnsTarget, inode: int) -> str | None:
    """A line that says why no path of `target` leads to the namespace `inode` any more; None while one does, or may."""
    others = False
    for path in target.paths:
        try:
            if os.stat(path).st_ino == inode:
                return None
            others = True
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            continue
        except OSError:  # such as of a process that may not be looked into any more: nobody can tell
            return None
    why = "another one has its place now" if others else target.how_gone
    return f"netns {target.name} is gone: {why}"


def _is_pid(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _nothing_there(text: str, run: str) -> str:
    """Why `-N` names nothing, and what it takes."""
    shown = printable(text)
    if "/" in text:
        return f"there is no {shown}: -N takes a path such as /proc/PID/ns/net, a pid, or a name of 'ip netns'"
    if _is_pid(text):
        return f"there is no process {shown}: -N takes the pid of a process in the network namespace to look at"
    found = [printable(name) for name in names(run)]
    known = ", ".join(found[:MOST_NAMES]) + (", …" if len(found) > MOST_NAMES else "")
    return f"there is no network namespace {shown}: 'ip netns' has {known or 'none'}; -N takes a pid or a path too"


def _forbidden(target: NetnsTarget) -> str:
    """Who may enter the namespace."""
    privileged = hasattr(os, "geteuid") and os.geteuid() == 0
    means = "twtop needs CAP_SYS_ADMIN and CAP_SYS_PTRACE" if privileged else "run twtop as root"
    return f"entering network namespace {target.name} is not allowed: {means}"
