"""What a privileged process gives up: every capability that no feature of this run uses, or all of them.

A capability belongs to a thread, so this is called before other threads begin (capabilities(7)). And what a privileged
thread does without for a while.
"""

import contextlib
import os
import re
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from pathlib import Path

from twtop.runtime.system_call import system_call

PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
"""linux/prctl.h."""

LINUX_CAPABILITY_VERSION_3 = 0x2008_0522
THIS_THREAD = struct.pack("=Ii", LINUX_CAPABILITY_VERSION_3, 0)
"""linux/capability.h: of whom capget() and capset() tell. Each set is two words of 32 bits."""

NOBODY = 65534
"""The overflow uid and gid, which every distribution calls nobody."""


class Capability(IntEnum):
    """What some feature of twtop uses; linux/capability.h."""

    DAC_OVERRIDE = 1
    """A file is saved in the present folder, also where that is another user's, as with sudo."""

    DAC_READ_SEARCH = 2
    """/proc/PID/fd of other users' processes; and twtop's own code may lie in a folder that is closed to others."""

    NET_ADMIN = 12
    """A receive buffer beyond net.core.rmem_max, so that no failed connect is missed (SO_RCVBUFFORCE)."""

    SYS_PTRACE = 19
    """The links in /proc/PID/fd and /proc/PID/ns of other users' processes (ptrace_may_access)."""

    SYS_ADMIN = 21
    """To enter another network namespace (setns)."""


class PrivilegesError(Exception):
    """The privileges cannot be given up. The text says why in one line."""


def keep_only(kept: Iterable[Capability]) -> None:
    """Give up every other capability, and the ways to get one again. Where the kernel refuses, they stay.

    An ordinary user has none, and nothing is done.
    """
    if sys.platform != "linux" or _held("CapPrm") == 0:
        return
    with contextlib.suppress(OSError, AttributeError):  # seccomp, or a libc without capset()
        _limit(_bits(kept))


def become_ordinary() -> None:
    """Give up every capability, and as root become the user that called sudo, or else nobody. Raises PrivilegesError.

    A user namespace may know no other user. The uid then stays: outside of it, it is an ordinary one.
    """
    if sys.platform != "linux":
        raise PrivilegesError("giving up privileges needs Linux")
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise PrivilegesError("cannot give up privileges with several threads: unset OPENBLAS_NUM_THREADS")
    try:
        _limit(0, _become_user)
    except (OSError, AttributeError) as error:
        raise PrivilegesError(f"cannot give up privileges: {getattr(error, 'strerror', None) or error}") from error
    for module in ("twtop", "numpy", "os"):  # what lies beside them is loaded later
        if (file := sys.modules[module].__file__) and not os.access(file, os.R_OK):
            raise PrivilegesError(f"user {os.getuid()} cannot read {file}: install twtop for all users")


@contextlib.contextmanager
def without(capability: Capability) -> Iterator[None]:
    """Meanwhile this thread does not use this capability, and has it again afterwards, if it had it.

    Where the kernel refuses, it stays.
    """
    if sys.platform != "linux":
        yield
        return
    import ctypes

    found, bit = ctypes.create_string_buffer(24), 1 << capability
    try:
        system_call("capget", THIS_THREAD, found)
        effective, *others = struct.unpack("=6I", found.raw)
        if has_it := bool(effective & bit):
            system_call("capset", THIS_THREAD, struct.pack("=6I", effective & ~bit, *others))
    except (OSError, AttributeError):  # seccomp, or a libc without capget()
        has_it = False
    try:
        yield
    finally:
        if has_it:
            system_call("capset", THIS_THREAD, found.raw)


def _limit(kept: int, become: Callable[[], None] = lambda: None) -> None:
    """Keep these capabilities alone, one bit each, once `become` has used the others. Raises OSError.

    Without the privilege to narrow the bounding set, no_new_privs alone sees to it that exec() gives none of them back.
    """
    system_call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for number in _bit_numbers(_held("CapBnd") & ~kept):
        with contextlib.suppress(PermissionError):
            system_call("prctl", PR_CAPBSET_DROP, number, 0, 0, 0)
    become()
    high, low = divmod(_held("CapPrm") & kept, 1 << 32)
    inheritable = 0  # so nothing is ambient either
    sets = struct.pack("=6I", low, low, inheritable, high, high, inheritable)
    system_call("capset", THIS_THREAD, sets)


def _become_user() -> None:
    """Become an ordinary user, with that user's home, unless this is one or no other one exists. Raises OSError."""
    if os.geteuid() != 0:
        return
    uid, gid = (_number_in(name) for name in ("SUDO_UID", "SUDO_GID"))
    if not uid or not gid:
        uid = gid = NOBODY
    if not (_exists("uid_map", uid) and _exists("gid_map", gid)):
        return
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.environ["HOME"] = _home(uid)  # what was root's cannot be read any more
    system_call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self is root's


def _home(uid: int) -> str:
    import pwd  # only on Unix

    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return "/nonexistent"


def _number_in(variable: str) -> int | None:
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _exists(ids: str, wanted: int) -> bool:
    """Whether this user namespace has the uid or gid; `ids` is `uid_map` or `gid_map` (user_namespaces(7))."""
    for line in Path("/proc/self", ids).read_text("ascii").splitlines():
        first, _, count = map(int, line.split())
        if first <= wanted < first + count:
            return True
    return False


def _held(name: str) -> int:
    """The first thread's set of capabilities of this name, a bit each; 0 where /proc does not tell."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s*([0-9a-f]{{1,16}})$", status, re.MULTILINE)
    return int(found[1], 16) if found else 0


def _bits(capabilities: Iterable[Capability]) -> int:
    return sum(1 << capability for capability in set(capabilities))


def _bit_numbers(bits: int) -> list[int]:
    return [number for number in range(bits.bit_length()) if bits >> number & 1]
