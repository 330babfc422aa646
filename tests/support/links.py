"""Links of a private namespace, pairs of virtual Ethernet devices: to itself, or to another machine's namespace."""

import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import in_namespace
from tests.support.in_namespace import wait_until
from tests.support.other_netns import Hand
from tests.support.sock_diag_dump import attribute
from twtop.demo import private_netns
from twtop.runtime.system_call import system_call
from twtop.sources.netns import CLONE_NEWNET

RTM_NEWLINK, RTM_NEWADDR = 16, 20
IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_FD = 3, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_F_NODAD = 1, 2, 8, 0x2
IFF_UP = 0x1
"""linux/rtnetlink.h, linux/if_link.h, linux/veth.h and linux/if_addr.h."""

NEW = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)
"""struct ifinfomsg of a device that is not up yet."""


def add_link(name: str, other: str, namespace: int | None = None) -> None:
    """Two devices, each the wire of the other, which is in the namespace of this descriptor. Skips without veth."""
    assert in_namespace.inside
    there = NEW + attribute(IFLA_IFNAME, other.encode() + b"\0")
    if namespace is not None:
        there += attribute(IFLA_NET_NS_FD, struct.pack("=I", namespace))
    kind = attribute(IFLA_INFO_KIND, b"veth\0")
    info = kind + attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, there))
    padded = name.encode().ljust(len(name) // 4 * 4 + 4, b"\0")
    try:
        private_netns.create(RTM_NEWLINK, NEW, {IFLA_IFNAME: padded, IFLA_LINKINFO: info}, name)
    except OSError as error:
        pytest.skip(f"this kernel makes no pair of virtual Ethernet devices: {error.strerror}")
    set_up(name)
    if namespace is None:
        set_up(other)


def set_up(device: str) -> None:
    header = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(device), IFF_UP, IFF_UP)
    private_netns.create(RTM_NEWLINK, header, {}, device)


def add_network(interface: str, device: str) -> None:
    """An address with the network that is on this link, as in `add_network("fe80::1/64", "a0")`."""
    ip = ipaddress.ip_interface(interface)
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    header = struct.pack("=BBBBI", family, ip.network.prefixlen, 0, 0, socket.if_nametoindex(device))
    flags = struct.pack("=I", IFA_F_NODAD)
    private_netns.create(
        RTM_NEWADDR, header, {IFA_LOCAL: ip.packed, IFA_ADDRESS: ip.packed, IFA_FLAGS: flags}, interface
    )
    scope = socket.if_nametoindex(device) if ip.is_link_local else 0
    end = (str(ip.ip), 9) if family == socket.AF_INET else (str(ip.ip), 9, 0, scope)
    wait_until(lambda: _is_reachable(family, end), what=f"a route to {interface}")


def _is_reachable(family: socket.AddressFamily, end: tuple[str | int, ...]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(end)
    except OSError:
        return False
    return True


@contextmanager
def other_machine(device: str, address: str, sysctls: dict[str, object]) -> Iterator[Callable[[int], socket.socket]]:
    """A namespace with this address at the other end of a new link; a function that listens there on a port."""
    hand = Hand()
    try:
        descriptor = hand.do(lambda: _leave(sysctls))
        add_link(device, "there", descriptor)
        hand.do(lambda: set_up("there"))
        hand.do(lambda: add_network(address, "there"))
        host = str(ipaddress.ip_interface(address).ip)

        def listen(port: int) -> socket.socket:
            return hand.do(lambda: socket.create_server((host, port), backlog=4096))

        yield listen
    finally:
        hand.end()


def _leave(sysctls: dict[str, object]) -> int:
    """Move this thread into a namespace of its own; a file descriptor of that."""
    system_call("unshare", CLONE_NEWNET)
    for name, value in sysctls.items():
        Path("/proc/sys", *name.split(".")).write_text(str(value), encoding="ascii")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
