"""Connection tracking in a private namespace: on, and with a table that is full. By netlink, without tools."""

import errno
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

NETLINK_NETFILTER = 12
REQUEST, ACK, CREATE, APPEND = 0x1, 0x4, 0x400, 0x800
NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END = 0x10, 0x11
CTNETLINK, NFTABLES = 1, 10
NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, IPCTNL_MSG_CT_NEW = 0, 3, 6, 0
NESTED = 0x8000
NF_INET_LOCAL_OUT = 3
"""linux/netfilter.h, linux/netfilter/nfnetlink.h and nf_tables.h, whose attributes are numbers below."""

SEEN_REPLY, ASSURED, CONFIRMED = 1 << 1, 1 << 2, 1 << 3
"""Status of an entry: one that is not assured gives way to a new one where the table is full (early_drop)."""

UDP = b"\x11"
LIFE_S = 600
BATCH = 256
MOST = 1 << 19
STATISTICS = Path("/proc/thread-self/net/stat/nf_conntrack")
SOURCE, TARGET = b"\xfeSRC", b"\xfeDST"
"""Stand for two addresses in the message that is written over and over."""


def track() -> None:
    """Let conntrack see every packet that leaves, as a firewall with a rule on `ct state` does. Skips without it."""
    if not STATISTICS.exists():
        pytest.skip("this kernel has no nf_conntrack, or it is not loaded")
    table, chain = _text(1, "t"), _text(3, "c")
    hook = _nest(4, _number(1, NF_INET_LOCAL_OUT), _number(2, 0))
    rule = _nest(4, _nest(1, _text(1, "ct"), _nest(2, _number(1, 8), _number(2, 0))))  # ct state → register 8
    bodies = [
        (NFT_MSG_NEWTABLE, table),
        (NFT_MSG_NEWCHAIN, table + chain + hook + _text(7, "filter")),
        (NFT_MSG_NEWRULE, table + _text(2, "c") + rule),
    ]
    flags = REQUEST | ACK | CREATE | APPEND
    messages = [_message(NFTABLES << 8 | kind, flags, body) for kind, body in bodies]
    begin, end = (_message(kind, REQUEST, family=0) for kind in (NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        netlink.settimeout(5)
        netlink.send(b"".join([begin, *messages, end]))
        codes = [code for _ in messages for code in _codes(netlink.recv(65536))]
    if set(codes) & {-errno.EOPNOTSUPP, -errno.ENOENT, -errno.EINVAL}:
        pytest.skip("this kernel has no nf_tables with ct, or they are not loaded")
    assert set(codes) == {0}, codes


def entries() -> int:
    """How many connections conntrack knows in this namespace."""
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text("ascii"))


def most_entries() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text("ascii"))


def fill(assured: bool) -> None:
    """Add entries until the table is full. Skips where it is so large that this would take long."""
    if most_entries() > MOST:
        pytest.skip(f"nf_conntrack_max is {most_entries():,}: too many to fill")
    status = CONFIRMED | (SEEN_REPLY | ASSURED if assured else 0)
    body = _tuple(1, SOURCE, TARGET) + _tuple(2, TARGET, SOURCE) + _number(3, status) + _number(7, LIFE_S)
    message = _message(CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, REQUEST | CREATE, body)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        for first in range(0, most_entries() + BATCH, BATCH):
            netlink.send(_many(message, first))
    assert entries() == most_entries() or not assured


def _many(message: bytes, first: int) -> bytes:
    """BATCH entries, each with another source address in 10.0.0.0/8."""
    rows = np.frombuffer(message * BATCH, np.uint8).reshape(BATCH, len(message)).copy()
    sources = (10 << 24 | np.arange(first, first + BATCH)).astype(">u4").view(np.uint8).reshape(BATCH, 4)
    for mark, address in ((SOURCE, sources), (TARGET, np.frombuffer(socket.inet_aton("11.0.0.1"), np.uint8))):
        for at in (message.index(mark), message.rindex(mark)):
            rows[:, at : at + 4] = address
    return rows.tobytes()


def _tuple(kind: int, source: bytes, target: bytes) -> bytes:
    addresses = _nest(1, _attribute(1, source), _attribute(2, target))
    ports = _nest(2, _attribute(1, UDP), _attribute(2, b"\0\7"), _attribute(3, b"\0\7"))
    return _nest(kind, addresses, ports)


def _attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def _nest(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | NESTED, b"".join(parts))


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack(">I", value))


def _message(kind: int, flags: int, body: bytes = b"", family: int = socket.AF_INET) -> bytes:
    """A netlink message with struct nfgenmsg. A batch says in its first and last one that it is for nf_tables."""
    resource = NFTABLES if kind in (NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END) else 0
    whole = struct.pack(">BBH", family, 0, resource) + body
    return struct.pack("=IHHII", 16 + len(whole), kind, flags, 1, 0) + whole


def _codes(answer: bytes) -> Iterator[int]:
    """The errno of each message of an answer, negative; 0 for success."""
    at = 0
    while at < len(answer):
        yield struct.unpack_from("=i", answer, at + 16)[0]
        at += struct.unpack_from("=I", answer, at)[0]
