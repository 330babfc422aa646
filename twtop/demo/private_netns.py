"""A private network namespace for this process, without root; nothing of the host can be touched from it."""

import errno
import os
import signal
import socket
import struct
import sys
from pathlib import Path

from twtop.sources.netns import CLONE_NEWNET, CLONE_NEWUSER, call_libc

PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
RTM_NEWROUTE, NLM_F_REQUEST_ACK_CREATE = 24, 0x405
RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL = 255, 4, 254, 2
RTA_DST, RTA_OIF = 1, 4


class NamespaceRefused(Exception):
    """The kernel gives ordinary users no namespace of their own. The text is one line with the ways out."""


def enter() -> None:
    """Move this process, which must have one thread only, into a new user and network namespace with `lo` up.

    The user keeps the own uid; the process gets all capabilities over the new namespace alone (user_namespaces(7)).
    """
    if sys.platform != "linux":
        raise NamespaceRefused("a private namespace for the load needs Linux")
    import fcntl  # Unix alone has it

    uid, gid = os.getuid(), os.getgid()
    try:
        call_libc("unshare", CLONE_NEWUSER | CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    except OSError as error:
        raise NamespaceRefused(_ways_out(error)) from error
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _ways_out(error: OSError) -> str:
    if error.errno == errno.EINVAL:
        return "cannot make a private namespace: this process already has several threads"
    for name in ("kernel.apparmor_restrict_unprivileged_userns", "kernel.unprivileged_userns_clone"):
        if Path("/proc/sys", *name.split(".")).exists():
            value = 0 if "restrict" in name else 1
            return f"the kernel refuses a private namespace to users: run as root, or set the sysctl {name}={value}"
    return "the kernel refuses a private namespace to users: run as root, or raise the sysctl user.max_user_namespaces"


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends, however that ends."""
    parent = os.getppid()
    call_libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(os.EX_TEMPFAIL)


def sysctl(name: str, value: object) -> None:
    """`sysctl("net.ipv4.tcp_tw_reuse", 0)` in the namespace that `enter` made."""
    Path("/proc/sys", *name.split(".")).write_text(str(value), encoding="ascii")


def has_ipv6() -> bool:
    """Whether this kernel speaks IPv6 in this namespace."""
    return Path("/proc/sys/net/ipv6").exists()


def add_local_network(network: str, bits: int) -> None:
    """Every address of a network becomes one of this namespace's own: a `local` route to it through lo.

    IPv4 then lets sockets bind to each of them; IPv6 asks for ip_nonlocal_bind besides.
    """
    family = socket.AF_INET6 if ":" in network else socket.AF_INET
    if family == socket.AF_INET6:
        sysctl("net.ipv6.ip_nonlocal_bind", 1)
    body = struct.pack("=8BI", family, bits, 0, 0, RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, 0)
    for kind, value in (
        (RTA_DST, socket.inet_pton(family, network)),
        (RTA_OIF, struct.pack("=I", socket.if_nametoindex("lo"))),
    ):
        body += struct.pack("=HH", 4 + len(value), kind) + value
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWROUTE, NLM_F_REQUEST_ACK_CREATE, 1, 0) + body)
        code = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if code:
        raise OSError(code, os.strerror(code), f"{network}/{bits}")
