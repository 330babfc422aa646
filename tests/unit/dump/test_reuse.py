"""What is known of the timestamps of services, and for how long."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.sock_diag_dump import Block, make_sample, many, sock, tcp_info, with_attributes
from twtop.dump import reuse
from twtop.dump.destinations import find_destinations
from twtop.dump.ephemeral_ports import ephemeral_ports
from twtop.dump.reuse import PeerTimestamps, service_names
from twtop.model import Timestamps
from twtop.sources.decode import decode

UNKNOWN, USED, NOT_USED = Timestamps.UNKNOWN, Timestamps.USED, Timestamps.NOT_USED


def seen(port: int, used: bool | None, remote: str = "10.0.0.5", device: int = 0) -> Block:
    """A connection to a service that shows whether it uses timestamps; None for one that was not asked."""
    block = sock("10.0.0.1:40001", f"{remote}:{port}", device=device)
    return block if used is None else with_attributes(block, tcp_info(used))


def learned(*dumps: tuple[float, Sequence[Block]]) -> PeerTimestamps:
    """What these dumps tell together; each has its time."""
    known = PeerTimestamps.nothing()
    for mono, blocks in dumps:
        snapshot = decode(make_sample(*blocks))
        ports = ephemeral_ports(snapshot.limits, snapshot.sockets)
        known = known.after(snapshot.sockets, find_destinations(snapshot.sockets, ports), mono)
    return known


def of(known: PeerTimestamps, block: Block) -> Timestamps:
    snapshot = decode(make_sample(block))
    ports = ephemeral_ports(snapshot.limits, snapshot.sockets)
    (found,) = known.of(service_names(snapshot.sockets, find_destinations(snapshot.sockets, ports)))
    return Timestamps(found)


def test_a_service_is_known_from_whatever_address_and_for_itself_alone() -> None:
    known = learned((0, [seen(443, True)]), (1, [seen(80, False)]), (500, [seen(22, None)]))
    assert of(known, sock("10.0.0.2:40009", "10.0.0.5:443", "TIME_WAIT")) is USED
    assert of(known, sock("10.0.0.2:40009", "10.0.0.5:80", "TIME_WAIT")) is NOT_USED
    for other in (seen(22, None), seen(444, None), seen(443, None, remote="10.0.0.6"), seen(443, None, device=3)):
        assert of(known, other) is UNKNOWN


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([(0, True), (60, False)], UNKNOWN),
        ([(0, True), (119, False)], UNKNOWN),
        ([(0, True), (121, False)], NOT_USED),
        ([(0, False), (121, True)], USED),
        ([(0, False), (121, True), (180, False)], UNKNOWN),
        ([(0, False), (121, True), (400, True)], USED),
    ],
)
def test_the_newest_connection_counts_unless_they_differ_at_one_time(
    moments: list[tuple[float, bool]], expected: Timestamps
) -> None:
    known = learned(*((mono, [seen(443, used)]) for mono, used in moments))
    assert of(known, seen(443, None)) is expected


def test_clients_of_this_machine_tell_nothing_of_services() -> None:
    listener, accepted = sock("10.0.0.1:80", state="LISTEN"), sock("10.0.0.1:80", "10.0.0.9:50000")
    assert len(learned((0, [listener, with_attributes(accepted, tcp_info(True))])).names) == 0


def test_only_the_newest_services_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "MOST_SERVICES", 100)
    ports = np.arange(1, 81)

    def some(first: int) -> Block:
        lports = np.arange(40_000, 40_080)
        return with_attributes(many("10.0.0.1", "10.0.0.5", lports=lports, rports=first + ports), tcp_info(True))

    known = learned((0, [some(0)]), (1, [some(1000)]), (2, [some(1000)]))
    assert len(known.names) == 100
    assert [of(known, seen(port, None)) for port in (1001, 1040, 1080)] == [USED] * 3
    assert sum(of(known, seen(port, None)) is USED for port in ports.tolist()) == 20
