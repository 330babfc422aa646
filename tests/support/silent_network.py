"""Remote addresses that never answer, for clients in a private namespace."""

import contextlib
import errno
import socket
import struct

from twtop.demo import private_netns

RT_TABLE_MAIN, RT_SCOPE_LINK, RTN_UNICAST = 254, 253, 1
"""linux/rtnetlink.h."""

SILENT = "198.18.0.0", 15
"""A network for benchmarks (RFC 2544), which no machine has."""


def silent_network() -> None:
    """Route SILENT through `lo`: a SYN arrives for an address that is not here, and nobody answers or refuses it."""
    network, bits = SILENT
    header = struct.pack(
        "=8BI",
        *(socket.AF_INET, bits, 0, 0, RT_TABLE_MAIN, private_netns.RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST, 0),
    )
    lo = struct.pack("=I", socket.if_nametoindex("lo"))
    attributes = {private_netns.RTA_DST: socket.inet_aton(network), private_netns.RTA_OIF: lo}
    private_netns.create(private_netns.RTM_NEWROUTE, header, attributes, f"{network}/{bits}")


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
