"""Remote addresses that never answer, for clients in a private namespace."""

import contextlib
import errno
import socket
import struct

from twtop.demo import private_netns

RT_TABLE_MAIN, RT_SCOPE_LINK, RTN_UNICAST = 254, 253, 1
"""linux/rtnetlink.h."""

FAR = "198.18.0.0", 15
"""A network for benchmarks (RFC 2544), which no machine has."""


def route_far(device: str) -> None:
    """Send what goes to FAR through this device."""
    network, bits = FAR
    header = struct.pack(
        "=8BI",
        *(socket.AF_INET, bits, 0, 0, RT_TABLE_MAIN, private_netns.RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST, 0),
    )
    index = struct.pack("=I", socket.if_nametoindex(device))
    attributes = {private_netns.RTA_DST: socket.inet_aton(network), private_netns.RTA_OIF: index}
    private_netns.create(private_netns.RTM_NEWROUTE, header, attributes, f"{network}/{bits}")


def silent_network() -> None:
    """Let nobody answer or refuse what goes to FAR: it comes back through `lo`, for an address that is not here."""
    route_far("lo")


def begin(address: tuple[str, int]) -> socket.socket:
    """A client whose connect() has begun and waits for an answer."""
    client = socket.socket()
    client.setblocking(False)
    assert client.connect_ex(address) == errno.EINPROGRESS
    return client


def begun(address: tuple[str, int], count: int, ends: contextlib.ExitStack) -> list[socket.socket]:
    """So many of them, closed with the stack."""
    return [ends.enter_context(begin(address)) for _ in range(count)]


def retransmits(client: socket.socket) -> int:
    """How often the kernel has sent the client's SYN again (tcpi_retransmits)."""
    return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 3)[2]


def state(client: socket.socket) -> int:
    """Its TcpState (tcpi_state)."""
    return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
