"""The device that sockets are bound to is part of their port budget, as the kernel has it (inet_sk_bound_dev_eq)."""

import errno
import json
import socket
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.built_frames import frames
from tests.support.in_namespace import add_address, in_namespace, run_in_namespace, sysctl, wait_until
from tests.support.links import add_link, add_network
from tests.support.port_reading import PortReading
from tests.support.real_connections import listen, read
from twtop.demo.load import IP_BIND_ADDRESS_NO_PORT, client_closes
from twtop.frame.view import GroupBy, View
from twtop.report.formats import to_csv, to_json, to_text
from twtop.sources.probe import read_sample

LOW, SIZE = 40_000, 20
CLIENT, SERVICE, PORT = "10.9.0.1", "10.9.0.2", 300
ENDS = (CLIENT, SERVICE, PORT)
NO_DEVICE, LO = "", "lo"


def small_range(tw_reuse: int = 0) -> None:
    sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + SIZE - 1}")
    sysctl("net.ipv4.tcp_tw_reuse", tw_reuse)


@dataclass(slots=True)
class Client:
    """Connects from CLIENT to SERVICE, on a device or on none, and waits for no answer: the port is picked at once."""

    device: str
    held: list[socket.socket] = field(default_factory=list)

    def connect(self) -> bool:
        """Whether connect() finds a port."""
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if self.device:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device.encode())
        client.bind((CLIENT, 0))
        error = client.connect_ex((SERVICE, PORT))
        if error == errno.EADDRNOTAVAIL:
            client.close()
            return False
        assert error in (0, errno.EINPROGRESS), error
        self.held.append(client)
        return True

    def fill(self) -> int:
        """How many calls succeed until 20 in a row fail."""
        before, failed = len(self.held), 0
        while failed < 20:
            failed = 0 if self.connect() else failed + 1
        return len(self.held) - before

    def left(self) -> float:
        """How many more connections twtop says it can make."""
        return read().left(ENDS, index(self.device))


def index(device: str) -> int:
    return socket.if_nametoindex(device) if device else 0


Steps = list[tuple[str, int | None]]
"""Who connects, and how often: None is until it fails."""

MIXES: dict[str, Steps] = {
    "bound first": [(LO, 5), (NO_DEVICE, None), (LO, None)],
    "unbound first": [(NO_DEVICE, 5), (LO, 1), (LO, None), (NO_DEVICE, None)],
    "bound to two devices": [(LO, 8), ("a0", 1), ("a0", None), (NO_DEVICE, 3), (LO, None), ("a0", None)],
    "a full device leaves the unbound alone": [("a0", 1), (LO, None), (NO_DEVICE, 1), (NO_DEVICE, None), ("a0", None)],
    "in turns": [(LO, 4), (NO_DEVICE, 4), (LO, 4), (NO_DEVICE, 4), (LO, None), (NO_DEVICE, None)],
}


@pytest.mark.parametrize("steps", MIXES.values(), ids=MIXES)
def test_what_is_left_on_each_device_is_what_connect_gets(steps: Steps) -> None:
    def body() -> list[tuple[str, float, int]]:
        small_range()
        sysctl("net.ipv4.conf.all.rp_filter", 0)
        for address in (CLIENT, SERVICE):
            add_address(address)
        if any(device == "a0" for device, _ in steps):
            add_link("a0", "a1")
        _server = listen(SERVICE, PORT)
        clients = {device: Client(device) for device, _ in steps}
        seen = []
        for device, count in steps:
            client = clients[device]
            if count is None:
                seen.append((device, client.left(), client.fill()))
            else:
                assert all(client.connect() for _ in range(count))
        return seen

    judged = run_in_namespace(body)
    assert [(device, said) for device, said, _ in judged] == [(device, got) for device, _, got in judged]


def link_local(device: str) -> socket.socket:
    """A connection between the same two addresses, on this link."""
    client, scope = socket.socket(socket.AF_INET6), index(device)
    try:
        client.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        client.bind(("fe80::1", 0, 0, scope))
        client.connect(("fe80::2", PORT, 0, scope))
    except OSError:
        client.close()
        raise
    return client


@in_namespace
def test_the_same_addresses_on_two_links_are_two_budgets_that_look_different() -> None:
    small_range()
    for device, other in (("a0", "a1"), ("b0", "b1")):
        add_link(device, other)
        add_network("fe80::1/64", device)
        add_network("fe80::2/64", device)
    server = socket.create_server(("::", PORT), family=socket.AF_INET6, backlog=SIZE * 2)
    first = [link_local("a0") for _ in range(SIZE)]
    with pytest.raises(OSError, match="Cannot assign"):
        link_local("a0")
    second = [link_local("b0") for _ in range(SIZE - 1)]
    reading, ends = read(), ("fe80::1", "fe80::2", PORT)
    assert [reading.left(ends, index(device)) for device in ("a0", "b0")] == [0, 1]
    second.append(link_local("b0"))
    with pytest.raises(OSError, match="Cannot assign"):
        link_local("b0")
    (frame,) = frames(read_sample(), view=View(group_by=GroupBy.DESTINATION))
    budgets = [budget for peer in json.loads(to_json(frame, False))["peers"] for budget in peer["destinations"]]
    clients = [budget for budget in budgets if budget["local"] == "fe80::1"]
    assert sorted((budget["device"], budget["used"], budget["full"]) for budget in clients) == [
        ("a0", SIZE, "now"),
        ("b0", SIZE, "now"),
    ]
    for report in (to_text(frame, False), to_csv(frame, False)):
        assert f"[fe80::2%a0]:{PORT} from fe80::1" in report
        assert f"[fe80::2%b0]:{PORT} from fe80::1" in report
    for each in (*first, *second, server):
        each.close()


@pytest.mark.skipif(
    not Path("/proc/sys/net/ipv4/tcp_tw_reuse_delay").exists(), reason="before Linux 6.15 none is reused at once"
)
@pytest.mark.parametrize(("device", "gets"), [(LO, SIZE), (NO_DEVICE, SIZE - 12)])
def test_on_lo_all_time_wait_are_loopback(device: str, gets: int) -> None:
    """tcp_tw_reuse = 2, the default, allows reuse between any addresses if the sockets are bound to lo."""

    def body() -> tuple[float, int]:
        small_range(tw_reuse=2)
        sysctl("net.ipv4.tcp_tw_reuse_delay", 1)
        for address in (CLIENT, SERVICE):
            add_address(address)
        server, client = listen(SERVICE, PORT), Client(device)
        for _ in range(12):
            assert client.connect()
            client_closes((client.held.pop(), server.accept()[0]))
        wait_until(lambda: is_old(read()), what="TIME_WAIT that are old enough")
        return client.left(), client.fill()

    assert run_in_namespace(body) == (gets, gets)


def is_old(reading: PortReading) -> bool:
    sockets = reading.reading.snapshot.sockets
    return bool((sockets.age_ms[sockets.is_time_wait] > 1).all())
