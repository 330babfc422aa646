"""Remote addresses that answer late, for clients in a private namespace: real handshakes with a real round trip."""

import contextlib
import fcntl
import os
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator

import pytest

from tests.support.in_namespace import add_address
from tests.support.silent_network import route_far
from twtop.demo.private_netns import IFF_UP, SIOCSIFFLAGS

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
"""linux/if_tun.h."""

HERE, DEVICE, MTU = "10.9.0.1", b"far", 1500


@contextlib.contextmanager
def far_network(one_way_s: float) -> Iterator[None]:
    """Let a listener on HERE answer for each address of FAR. Each packet is under way for `one_way_s` seconds.

    A packet to FAR arrives with its two addresses swapped, as one from FAR to HERE; that leaves its checksums right.
    So does the answer. Skips where there is no TUN device.
    """
    try:
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", DEVICE, IFF_TUN | IFF_NO_PI))
    except OSError as error:
        pytest.skip(f"no TUN device here: {error.strerror}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", DEVICE, IFF_UP))
    add_address(HERE, DEVICE.decode())
    route_far(DEVICE.decode())
    stop = threading.Event()
    carrier = threading.Thread(target=_carry, args=(tun, one_way_s, stop))
    carrier.start()
    try:
        yield
    finally:
        stop.set()
        carrier.join()
        os.close(tun)


def _carry(tun: int, one_way_s: float, stop: threading.Event) -> None:
    under_way: deque[tuple[float, bytes]] = deque()
    while not stop.is_set():
        wait = under_way[0][0] - time.monotonic() if under_way else one_way_s
        select.select([tun], [], [], max(0, wait))
        with contextlib.suppress(BlockingIOError):
            while packet := os.read(tun, MTU):
                under_way.append((time.monotonic() + one_way_s, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            packet = under_way.popleft()[1]
            if packet[0] >> 4 == 4:
                os.write(tun, packet[:12] + packet[16:20] + packet[12:16] + packet[20:])
