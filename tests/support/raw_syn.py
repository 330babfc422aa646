"""A SYN that no socket has sent, from any address. Needs CAP_NET_RAW in the network namespace."""

import socket
import struct

IP_TRANSPARENT = 19
"""linux/in.h: send from an address that is not here."""

SYN = 1 << 1


def raw_syn(source: tuple[str, int], target: tuple[str, int]) -> None:
    """If `source` is here, the kernel answers the SYN-ACK with a RST. Otherwise the handshake remains half open."""
    ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    head = struct.pack(">HHIIBBHHH", source[1], target[1], 1, 0, 5 << 4, SYN, 1024, 0, 0)
    words = struct.unpack(">16H", ends + struct.pack(">HH", socket.IPPROTO_TCP, len(head)) + head)
    checksum = ~(sum(words) % 0xFFFF) & 0xFFFF  # RFC 9293, 3.1
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        raw.bind((source[0], 0))
        raw.sendto(head[:16] + struct.pack(">H", checksum) + head[18:], (target[0], 0))
