"""What is known of the timestamps of services, and for how long."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.port_reading import described
from tests.support.sock_diag_dump import Block, make_sample, many, sock, tcp_info, with_attributes
from twtop.dump import reuse
from twtop.dump.destinations import find_destinations
from twtop.dump.ephemeral_ports import ephemeral_ports
from twtop.dump.local_ends import LocalEnds
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
        ports = ephemeral_ports(snapshot.limits, snapshot.sockets, LocalEnds(snapshot.sockets).per_port)
        known = known.after(snapshot.sockets, find_destinations(snapshot.sockets, ports), mono)
    return known


def of(known: PeerTimestamps, block: Block) -> Timestamps:
    snapshot = decode(make_sample(block))
    ports = ephemeral_ports(snapshot.limits, snapshot.sockets, LocalEnds(snapshot.sockets).per_port)
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
        ([(0, True), (120, False)], UNKNOWN),
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


def test_of_services_that_were_not_seen_again_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "MOST_SERVICES", 80)

    def some(first: int, count: int) -> Block:
        block = many("10.0.0.1", "10.0.0.5", lports=40_000 + np.arange(count), rports=first + np.arange(count))
        return with_attributes(block, tcp_info(True))

    known = learned((0, [some(1, 60)]), (1, [some(1001, 30)]), (2, [some(2001, 30)]))
    kept = [sum(of(known, seen(first + each, None)) is USED for each in range(count))
            for first, count in ((1, 60), (1001, 30), (2001, 30))]  # fmt: skip
    assert kept == [20, 30, 30]


def judged(
    *blocks: Block, tw_reuse: int | None = 1, timestamps: int | None = 1, peers: Timestamps = USED
) -> list[tuple[bool, bool, bool]]:
    """(allowed, unclear, by_peer) of each destination, in the order of their sockets."""
    reading = described(*blocks, tw_reuse=tw_reuse, timestamps=timestamps, peers=peers).reading
    found = reading.reuse
    columns = (found.allowed, found.unclear, found.by_peer)
    order = list(dict.fromkeys(code for code in reading.destinations.code.tolist() if code >= 0))
    return [tuple(bool(column[code]) for column in columns) for code in order]  # type: ignore[misc]


NEVER, CERTAIN, BY_PEER, NOT_BY_PEER, UNCLEAR = (
    *((False, False, False), (True, False, False), (True, False, True)),
    *((False, False, True), (False, True, True)),
)
SYSCTL_UNKNOWN = (False, True, False)
WAITS = sock("10.0.0.1:40001", "10.0.0.5:443", "TIME_WAIT")
INSIDE = sock("127.0.0.1:40001", "127.0.0.1:443", "TIME_WAIT")
HALF_INSIDE = sock("10.0.0.1:40002", "127.0.0.2:443", "TIME_WAIT"), sock("127.0.0.2:40003", "10.0.0.9:443", "TIME_WAIT")
BY_LO = sock("10.0.0.1:40004", "10.0.0.1:443", "TIME_WAIT", device=reuse.LOOPBACK_IFINDEX)
ACCEPTED = sock("10.0.0.1:80", state="LISTEN"), sock("10.0.0.1:80", "10.0.0.9:50000", "TIME_WAIT")


@pytest.mark.parametrize(
    ("peers", "said"), [(USED, BY_PEER), (NOT_USED, NOT_BY_PEER), (UNKNOWN, UNCLEAR)], ids=["used", "not", "unknown"]
)
def test_with_tw_reuse_1_it_depends_on_the_peer(peers: Timestamps, said: tuple[bool, bool, bool]) -> None:
    """Not for the loopback, whose both ends are here. One that was seen without timestamps has none."""
    inside = NEVER if peers is NOT_USED else CERTAIN
    assert judged(WAITS, INSIDE, *HALF_INSIDE, *ACCEPTED, peers=peers) == [said, *[inside] * 3, NEVER]


def test_with_tw_reuse_2_it_is_loopback_alone() -> None:
    """An address of it at either end, or the device."""
    assert judged(WAITS, INSIDE, *HALF_INSIDE, BY_LO, tw_reuse=2) == [NEVER, CERTAIN, CERTAIN, CERTAIN, BY_PEER]
    assert judged(WAITS, sock("10.0.0.1:40004", "10.0.0.1:443", "TIME_WAIT", device=2), tw_reuse=2) == [NEVER, NEVER]
    assert judged(WAITS, tw_reuse=2, peers=UNKNOWN) == [NEVER]


def test_a_peer_that_listens_in_this_namespace_has_the_timestamps_of_this_end() -> None:
    here = sock("10.0.0.1:40001", "10.0.0.2:443", "TIME_WAIT")
    listener = sock("10.0.0.2:443", state="LISTEN"), sock("10.0.0.2:443", "10.0.0.1:40001")
    assert judged(here, *listener, peers=UNKNOWN)[0] == CERTAIN
    assert judged(here, peers=UNKNOWN)[0] == UNCLEAR


@pytest.mark.parametrize("off", [{"tw_reuse": 0}, {"timestamps": 0}, {"tw_reuse": 0, "timestamps": None}])
def test_switched_off_it_is_never(off: dict[str, int | None]) -> None:
    assert judged(WAITS, INSIDE, **off) == [NEVER, NEVER]  # type: ignore[arg-type]


@pytest.mark.parametrize("unknown", [{"tw_reuse": None}, {"timestamps": None}, {"tw_reuse": 2, "timestamps": None}])
def test_without_a_sysctl_it_is_unclear_for_all_clients(unknown: dict[str, int | None]) -> None:
    assert judged(WAITS, INSIDE, *ACCEPTED, **unknown) == [SYSCTL_UNKNOWN, SYSCTL_UNKNOWN, NEVER]  # type: ignore[arg-type]


def test_only_what_is_older_than_the_delay_is_taken_over() -> None:
    ages = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=[40_001, 40_002, 40_003], remaining=[59.5, 59.499, 30])
    for peers, at in ((USED, 0), (UNKNOWN, 1)):
        reading = described(ages, *ACCEPTED, tw_reuse=1, tw_reuse_delay=500, peers=peers).reading
        masks = reading.reuse.rows(reading.snapshot.sockets, reading.destinations.code)
        assert masks[at].tolist() == [False, True, True, False, False]
        assert not masks[1 - at].any()


@pytest.mark.parametrize(("sysctl", "delay_ms"), [(None, 1000), (1, 1), (250, 250)])
def test_the_delay_is_a_second_unless_the_kernel_says_otherwise(sysctl: int | None, delay_ms: int) -> None:
    assert described(WAITS, tw_reuse=1, tw_reuse_delay=sysctl).reading.reuse.delay_ms == delay_ms


def test_what_is_known_is_immutable() -> None:
    known, found = learned((0, [seen(443, True)])), described(WAITS, tw_reuse=1).reading.reuse
    columns = (known.names, known.with_at, known.without_at, found.allowed, found.unclear, found.by_peer)
    assert not any(column.flags.writeable for column in columns)
