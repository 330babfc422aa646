"""Another network namespace: how it is found, how this thread gets into it, and whether it is still there."""

import ctypes
import os
import threading

from twtop.model import Target
from twtop.sanitize import printable
from twtop.sources.probe import CollectError

RUN = "/run/netns"
"""Where `ip netns` keeps its names, each a mount of the namespace."""

MOST_NAMES = 8


def find(text: str, run: str = RUN, proc: str = "/proc") -> Target:
    """What `-N` names: a path, the pid of a process, or a name of `ip netns`. Raises CollectError."""
    shown = printable(text)
    if not text:
        raise CollectError("-N needs a name of 'ip netns', the pid of a process, or a path")
    if "/" in text:
        target = Target(shown, (text,), "nothing is mounted there any more")
    elif text.isascii() and text.isdigit() and not os.path.exists(f"{run}/{text}"):
        target = Target(f"pid {shown}", (f"{proc}/{text}/ns/net",), "its process has ended")
    else:
        target = Target(shown, (f"{run}/{text}",), "'ip netns' has no such name any more")
    path = target.paths[0]
    try:
        if os.stat(path).st_dev != os.stat(f"{proc}/self/ns/net").st_dev:
            raise CollectError(f"{printable(path)} is no network namespace: -N takes a path such as /proc/PID/ns/net")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise CollectError(_nothing_there(text, run)) from error
    except PermissionError as error:
        raise CollectError(_forbidden(target)) from error
    except OSError as error:
        raise CollectError(f"cannot look for network namespace {shown}: {error.strerror}") from error
    return target


def _nothing_there(text: str, run: str) -> str:
    shown = printable(text)
    if "/" in text:
        return f"there is no {shown}: -N takes a path such as /proc/PID/ns/net, a pid, or a name of 'ip netns'"
    if text.isascii() and text.isdigit():
        return f"there is no process {shown}: -N takes the pid of a process in the network namespace to look at"
    found = [printable(name) for name in names(run)]
    known = ", ".join(found[:MOST_NAMES]) + (", …" if len(found) > MOST_NAMES else "")
    return f"there is no network namespace {shown}: 'ip netns' has {known or 'none'}; -N takes a pid or a path too"


def _forbidden(target: Target) -> str:
    privileged = hasattr(os, "geteuid") and os.geteuid() == 0
    means = "twtop needs CAP_SYS_ADMIN and CAP_SYS_PTRACE" if privileged else "run twtop as root"
    return f"entering network namespace {target.name} is not allowed: {means}"


def enter(target: Target) -> int:
    """Move the calling thread, and no other, into this namespace and tell its inode.

    Raises CollectError; the thread is then where it was.
    """
    try:
        descriptor = os.open(target.paths[0], os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            call_libc("setns", descriptor, CLONE_NEWNET)
            return os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)
    except PermissionError as error:
        raise CollectError(_forbidden(target)) from error
    except FileNotFoundError as error:
        raise CollectError(f"netns {target.name} is gone: {target.how_gone}") from error
    except OSError as error:
        raise CollectError(f"cannot enter network namespace {target.name}: {error.strerror}") from error


def refusal(target: Target) -> str | None:
    """What `enter` would raise, as a line; None where it would not. The calling thread stays where it is."""
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


def missing(target: Target, inode: int) -> str | None:
    """Why nothing but this thread leads to the namespace any more, in a line; None as long as something does."""
    others = False
    for path in target.paths:
        try:
            if os.stat(path).st_ino == inode:
                return None
            others = True
        except OSError:
            continue
    why = "another one has its place now" if others else target.how_gone
    return f"netns {target.name} is gone: {why}"


def names(run: str = RUN) -> list[str]:
    """What `ip netns` has names for."""
    try:
        return sorted(os.listdir(run))
    except OSError:
        return []


CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000


def call_libc(name: str, *arguments: int) -> None:
    """A C function that says with 0 that it succeeded; raises OSError when it did not."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
