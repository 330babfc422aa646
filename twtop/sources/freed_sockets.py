"""Messages of the kernel about TCP sockets that are freed: which of them to pass, how to receive them, what they say.

A netlink socket in the multicast groups SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY gets a message for every
TCP socket of its network namespace that is freed (sock_diag_broadcast_destroy in net/core/sock_diag.c). Any user may
join them. If connect() ended in EADDRNOTAVAIL, the socket has no ports, but a remote address: tcp_v4_connect() and
tcp_v6_connect() set the address before they look for a port.
"""

import ctypes
import os
import socket
import struct
import sys
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from twtop.sources.probe import NETLINK_SOCK_DIAG

TCP_DESTROY_GROUPS = 1 << 0 | 1 << 2
SOCK_DIAG_BY_FAMILY = 20
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33
AF_INET, AF_INET6, CLOSE = 2, 10, 7
"""linux/sock_diag.h, asm-generic/socket.h, linux/socket.h and net/tcp_states.h."""

LOAD, LOAD_BYTE, EQUAL, MASK, ANSWER = 0x20, 0x30, 0x15, 0x54, 0x06
"""Instructions of classic BPF (linux/bpf_common.h)."""

MESSAGE_COST = 1280
"""Bytes of a receive buffer that one message takes: its sk_buff with the data (skb->truesize)."""

BATCH = 1024
"""The most messages of one recvmmsg() (UIO_MAXIOV)."""

HEAD = np.dtype(
    [
        *(("length", "=u4"), ("type", "=u2"), ("flags", "=u2"), ("sequence", "=u4"), ("pid", "=u4")),
        *(("family", "u1"), ("state", "u1"), ("timer", "u1"), ("retransmits", "u1"), ("ports", "=u4")),
        *(("local", "=u4", 4), ("remote", "=u4", 4), ("device", "=u4")),
    ]
)
"""The start of a message: struct nlmsghdr, and struct inet_diag_msg up to the device. The rest is not read."""

COOKIE = HEAD.itemsize + (0 if sys.byteorder == "little" else 3)
"""Where a message has the low byte of its socket's cookie. The kernel counts cookies up, so it is spread evenly."""

KEY = np.dtype([("family", "u1"), ("address", "=u4", 4), ("device", "<u4")])
"""What failed connects are counted by. `family` is that of the socket; an IPv4 address is kept as mapped IPv6."""

MAPPED = np.frombuffer(b"\0\0\0\0\0\0\0\0\0\0\xff\xff", np.uint32)


def socket_filter(share: int = 0, shares: int = 1) -> bytes:
    """A classic BPF program that lets messages of failed connects pass: both ports are 0, the remote address is not.

    Of these it passes one share: those whose cookie leaves `share` when divided by `shares`, a power of 2 up to 256.

    >>> len(socket_filter())
    120
    """
    program = [
        *((LOAD, 0, 0, 20), (EQUAL, 0, 12, 0)),
        *((LOAD, 0, 0, 40), (EQUAL, 0, 6, 0)),
        *((LOAD, 0, 0, 44), (EQUAL, 0, 4, 0)),
        *((LOAD, 0, 0, 48), (EQUAL, 0, 2, 0)),
        *((LOAD, 0, 0, 52), (EQUAL, 4, 0, 0)),
        *((LOAD_BYTE, 0, 0, COOKIE), (MASK, 0, 0, shares - 1), (EQUAL, 0, 1, share)),
        *((ANSWER, 0, 0, 0xFFFF), (ANSWER, 0, 0, 0)),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def open_sockets(buffer: int, enough: int, most: int) -> list[socket.socket]:
    """Join the groups with as many sockets as hold `enough` messages together, `most` at most (a power of 2).

    Each has a receive buffer of `buffer` bytes, or what an ordinary user may have, and its share of the messages.
    Raises OSError.
    """
    opened: list[socket.socket] = []
    try:
        opened.append(_open(buffer))
        while len(opened) < most and capacity(opened) < enough:
            opened += [_open(buffer) for _ in opened]
        for share, each in enumerate(opened):
            program = ctypes.create_string_buffer(socket_filter(share, len(opened)))
            described = struct.pack("@HP", len(program) // 8, ctypes.addressof(program))  # struct sock_fprog
            each.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
        for each in opened:
            each.bind((0, TCP_DESTROY_GROUPS))
    except OSError:
        for each in opened:
            each.close()
        raise
    return opened


def capacity(sockets: list[socket.socket]) -> int:
    """How many messages their receive buffers hold."""
    return sum(each.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for each in sockets) // MESSAGE_COST


def _open(buffer: int) -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    try:
        netlink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer // 2)  # the kernel doubles it
    except PermissionError:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer // 2)
    return netlink


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    """struct msghdr of recvmsg(2)."""

    _fields_ = (
        *(("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(_Iovec))),
        *(("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t)),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    """struct mmsghdr of recvmmsg(2)."""

    _fields_ = (("header", _Msghdr), ("received", ctypes.c_uint32))


class Batch:
    """Memory for BATCH messages, of which it keeps the HEAD. Raises AttributeError where libc has no recvmmsg()."""

    def __init__(self) -> None:
        # PyDLL keeps the interpreter's lock: to get it back costs 5 ms where it is busy, the call at most 0.5 ms.
        self._receive = ctypes.PyDLL(None, use_errno=True).recvmmsg
        self._heads = np.zeros(BATCH, HEAD)
        self._iovecs, self._headers = (_Iovec * BATCH)(), (_Mmsghdr * BATCH)()
        for number, (iovec, each) in enumerate(zip(self._iovecs, self._headers, strict=True)):
            iovec.base, iovec.length = self._heads.ctypes.data + number * HEAD.itemsize, HEAD.itemsize
            each.header.iov, each.header.iovlen = ctypes.pointer(iovec), 1
        rows = np.frombuffer(memoryview(self._headers).cast("B"), np.uint8).reshape(BATCH, -1)
        at = _Mmsghdr.received.offset
        self._received = rows[:, at : at + 4].view(np.uint32)[:, 0]

    def __len__(self) -> int:
        return BATCH

    def receive(self, netlink: socket.socket) -> NDArray[np.void]:
        """The messages that wait, BATCH at most, as records of HEAD until the next call; shorter ones are zeros.

        Raises OSError: BlockingIOError where none waits, ENOBUFS where some found no room.
        """
        count: int = self._receive(netlink.fileno(), self._headers, BATCH, socket.MSG_DONTWAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        heads = self._heads[:count]
        heads[self._received[:count] < HEAD.itemsize] = np.zeros((), HEAD)
        return heads


def count_failures(heads: NDArray[np.void]) -> Counter[bytes]:
    """How many of these messages tell of a failed connect, by the bytes of KEY. `heads` are (messages,) of HEAD.

    Messages that tell of anything else are left out.
    """
    remote, ipv4 = heads["remote"], heads["family"] == AF_INET
    told = (heads["type"] == SOCK_DIAG_BY_FAMILY) & (heads["length"] > HEAD.itemsize) & (heads["state"] == CLOSE)
    told &= (ipv4 | (heads["family"] == AF_INET6)) & (heads["ports"] == 0)
    told &= np.where(ipv4, remote[:, 0] != 0, (remote != 0).any(axis=1))
    keys = np.empty(len(heads), KEY)
    for name, column in (("family", heads["family"]), ("address", remote), ("device", heads["device"])):
        keys[name] = column
    keys["address"][ipv4, 3] = remote[ipv4, 0]
    keys["address"][ipv4, :3] = MAPPED
    packed = keys[told].tobytes()
    return Counter(packed[at : at + KEY.itemsize] for at in range(0, len(packed), KEY.itemsize))
