"""A private network namespace for this process, without root. Nothing in it can reach or change the host's network."""

import contextlib
import errno
import os
import signal
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from twtop.runtime.system_call import system_call
from twtop.sources.netns import CLONE_NEWNET, CLONE_NEWUSER

PR_SET_PDEATHSIG = 1  # linux/prctl.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
RTM_NEWROUTE, NLM_F_REQUEST_ACK_CREATE = 24, 0x405
RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL = 255, 4, 254, 2
RTA_DST, RTA_OIF = 1, 4
"""linux/sockios.h, linux/if.h, linux/netlink.h and linux/rtnetlink.h."""

HARDENING = {"kernel.unprivileged_userns_clone": 0, "kernel.apparmor_restrict_unprivileged_userns": 1}
"""Sysctls of Debian's and Ubuntu's kernels, each with the value that refuses users a namespace of their own."""


class NamespaceRefused(Exception):
    """The kernel refuses a private namespace. The text is one line that says why, and what to do about it."""


def enter() -> None:
    """Move this process into a new user and network namespace, and set its `lo` up. Raises NamespaceRefused.

    The process must have a single thread. Its uid stays the same. It gets all capabilities, but only over the new
    namespace (user_namespaces(7)).
    """
    if sys.platform != "linux":
        raise NamespaceRefused("a private namespace for the load needs Linux")

    uid, gid = os.getuid(), os.getgid()
    limit = "user.max_user_namespaces"
    try:
        system_call("unshare", CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
        limit = "user.max_net_namespaces"
        system_call("unshare", CLONE_NEWNET)  # apart from the other, so that it is known which one is refused
        _set_lo_up()
    except OSError as error:
        raise NamespaceRefused(f"the kernel refuses a private namespace: {way_out(error, limit)}") from error


def _set_lo_up() -> None:
    import fcntl  # not on Windows

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def way_out(error: OSError, limit: str, sysctls: Path = Path("/proc/sys")) -> str:
    """What helps after this error of unshare(2), in one line; `limit` is the sysctl that bounds such namespaces.

    A limit may be that of a user namespace further out: ENOSPC (namespaces(7)).
    """
    if error.errno == errno.ENOSPC:
        return f"raise the sysctl {limit}"
    if error.errno == errno.EINVAL and len(list(Path("/proc/self/task").iterdir())) > 1:
        return "this process already has several threads"
    if error.errno == errno.EINVAL:
        return "it is built without them, take another one"
    if error.errno == errno.EMFILE:
        return "twtop may open no more files, give it a higher 'ulimit -n'"
    for name, refusing in HARDENING.items():
        with contextlib.suppress(OSError, ValueError):
            if int((sysctls / name.replace(".", "/")).read_text()) == refusing:
                return f"run as root, or set the sysctl {name}={1 - refusing}"
    return f"{error.strerror}. Run as root, or outside of the container or sandbox that forbids it"


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when `parent`, the process that forked it, ends in whatever way."""
    system_call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before prctl() took effect
        os._exit(os.EX_TEMPFAIL)


def sysctl(name: str, value: object) -> None:
    """Set a sysctl in the namespace that `enter` made, as in `sysctl("net.ipv4.tcp_tw_reuse", 0)`."""
    Path("/proc/sys", *name.split(".")).write_text(str(value), encoding="ascii")


def has_ipv6() -> bool:
    """Whether this namespace has IPv6."""
    return Path("/proc/sys/net/ipv6").exists()


def add_local_network(network: str, bits: int) -> None:
    """Make every address of a network an address of this namespace, by a `local` route through lo. Raises OSError.

    IPv4 then lets sockets bind to each of them. IPv6 needs ip_nonlocal_bind too, which is set.
    """
    family = socket.AF_INET6 if ":" in network else socket.AF_INET
    if family == socket.AF_INET6:
        sysctl("net.ipv6.ip_nonlocal_bind", 1)
    header = struct.pack("=8BI", family, bits, 0, 0, RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, 0)
    lo = struct.pack("=I", socket.if_nametoindex("lo"))
    create(RTM_NEWROUTE, header, {RTA_DST: socket.inet_pton(family, network), RTA_OIF: lo}, f"{network}/{bits}")


def create(message: int, header: bytes, attributes: Mapping[int, bytes], name: str) -> None:
    """Let the kernel create something by rtnetlink(7). The length of an attribute must be a multiple of 4.

    `name` says what it is in the OSError that is raised if the kernel refuses.
    """
    body = header + b"".join(struct.pack("=HH", 4 + len(value), kind) + value for kind, value in attributes.items())
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), message, NLM_F_REQUEST_ACK_CREATE, 1, 0) + body)
        code = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if code:
        raise OSError(code, os.strerror(code), name)
