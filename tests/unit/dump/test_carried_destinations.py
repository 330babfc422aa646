"""What a dump takes from the one before it is what it would find by itself, whatever came and went between the two."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sock_diag_dump import Block, make_sample, sock
from twtop.dump.bind_buckets import BindBuckets
from twtop.dump.reading import NOTHING, Known, Reading, take_reading
from twtop.model import Direction, Snapshot
from twtop.sources.decode import decode
from twtop.table import renewal

LOW, HIGH = 40_000, 40_009
CLIENTS, PEERS = ("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.9.0.1", "10.9.0.2")
PORTS = (80, LOW + 2, HIGH + 1)
STATES = ("TIME_WAIT", "TIME_WAIT", "ESTABLISHED", "SYN_SENT", "SYN_RECV")

ends = st.tuples(
    st.sampled_from(CLIENTS),
    st.sampled_from(PEERS),
    st.sampled_from((*range(LOW, HIGH + 1), 80)),
    st.sampled_from((*PORTS, LOW + 3)),
    st.sampled_from((0, 0, 3)),
)
Ends = tuple[str, str, int, int, int]
Table = tuple[dict[Ends, str], set[str]]
LISTENERS = [f"{address}:{port}" for address in ("0.0.0.0", "10.0.0.2") for port in PORTS]


def tables(pool: list[Ends]) -> st.SearchStrategy[list[Table]]:
    """Tables that have some of these sockets, and some listeners: most sockets are in several of them."""
    connections = st.dictionaries(st.sampled_from(pool), st.sampled_from(STATES))
    listeners = st.one_of(st.just(set[str]()), st.sets(st.sampled_from(LISTENERS), max_size=2))
    return st.lists(st.tuples(connections, listeners), min_size=2, max_size=4)


def as_sockets(table: Table) -> list[Block]:
    """Sockets whose cookies say which of them are the same: those with the same ends."""
    connections, listeners = table
    found = [sock(end, state="LISTEN", inode=7) for end in sorted(listeners)]
    for (local, remote, lport, rport, device), state in sorted(connections.items()):
        found.append(sock(f"{local}:{lport}", f"{remote}:{rport}", state, device=device))
        name = zlib.crc32(repr((local, remote, lport, rport, device)).encode()) + 1
        found[-1]["cookie"] = np.array([name], np.uint64).view("V8")
    return found


def told(reading: Reading) -> list[tuple[object, ...]]:
    """Each socket with its direction and its destination."""
    sockets, found = reading.snapshot.sockets, reading.destinations
    integer = sockets.addresses.integer
    assert len(np.unique(found.code[found.code >= 0])) == len(found)
    rows = []
    for row, code in enumerate(found.code.tolist()):
        ends = integer(int(sockets.local[row])), integer(int(sockets.remote[row]))
        whole = (*ends, int(sockets.lport[row]), int(sockets.rport[row]), int(sockets.device[row]))
        its: tuple[int, ...] = ()
        if code >= 0:
            there = int(found.local[code]), int(found.remote[code])
            its = *map(integer, there), int(found.port[code]), int(found.device[code])
            assert found.direction[code] == found.side[row]
        rows.append((whole, int(sockets.state[row]), Direction(found.side[row]), its))
    return sorted(rows)


def by_hand(snapshot: Snapshot) -> BindBuckets:
    sockets = snapshot.sockets
    waits = sockets.is_time_wait
    pairs = {*zip(sockets.local[waits].tolist(), sockets.lport[waits].tolist(), strict=True)}
    return BindBuckets(len({port for _, port in pairs}), len(pairs))


@given(st.lists(ends, min_size=1, max_size=12, unique=True).flatmap(tables))
def test_a_dump_finds_what_it_would_find_alone(drawn: list[Table]) -> None:
    known, before = NOTHING, None
    for at, table in enumerate(drawn):
        blocks = as_sockets(table) or [sock("0.0.0.0:22", state="LISTEN")]
        sample = make_sample(*blocks, at=at, port_range=(LOW, HIGH))
        snapshot = decode(sample, before)
        reading = take_reading(snapshot, known=known)
        alone = take_reading(snapshot, known=Known(known.directions, known.timestamps, known.choosers))
        assert told(reading) == told(alone)
        assert reading.bind_buckets == alone.bind_buckets == by_hand(snapshot)
        known, before = reading.known(known), snapshot


class Run:
    """Dumps of TIME_WAIT to these remote addresses, one after another."""

    def __init__(self) -> None:
        self._before: Snapshot | None = None
        self._known = NOTHING

    def numbers(self, *remotes: str) -> list[int]:
        """The numbers of the destinations of the next one."""
        blocks = [sock(f"10.0.0.1:{LOW}", f"{remote}:443", "TIME_WAIT") for remote in remotes]
        for remote, block in zip(remotes, blocks, strict=True):
            block["cookie"] = np.array([int(remote.replace(".", ""))], np.uint64).view("V8")
        self._before = decode(make_sample(*blocks, port_range=(LOW, HIGH)), self._before)
        reading = take_reading(self._before, known=self._known)
        self._known = reading.known(self._known)
        return [int(code) for code in reading.destinations.code]


def test_a_destination_keeps_its_number_until_another_is_gone() -> None:
    run = Run()
    first, second = run.numbers("10.9.0.1", "10.9.0.2")
    assert run.numbers("10.9.0.3", "10.9.0.2", "10.9.0.1") == [2, second, first]
    assert sorted(run.numbers("10.9.0.3", "10.9.0.1")) == [0, 1]


def directions_of(*steps: tuple[list[Block], tuple[int, int] | None]) -> list[list[Direction]]:
    """The directions of the TIME_WAIT in dumps with these sockets and ranges of ports, one after another."""
    known, before, found = NOTHING, None, []
    for at, (blocks, port_range) in enumerate(steps):
        snapshot = decode(make_sample(*blocks, at=at, port_range=port_range), before)
        reading = take_reading(snapshot, known=known)
        known, before = reading.known(known), snapshot
        found.append([Direction(each) for each in reading.destinations.side[snapshot.sockets.is_time_wait]])
    return found


IN, OUT, UNKNOWN = Direction.INBOUND, Direction.OUTBOUND, Direction.UNKNOWN
ACCEPTED = sock("10.0.0.1:80", "10.9.0.1:50000", "TIME_WAIT")
OPENED = sock(f"10.0.0.1:{LOW}", "10.9.0.1:443", "TIME_WAIT")
RANGE = LOW, HIGH


def test_a_listener_that_comes_accepted_what_is_on_its_port() -> None:
    listening = [ACCEPTED, sock("0.0.0.0:80", state="LISTEN")]
    assert directions_of(([ACCEPTED], RANGE), (listening, RANGE), (listening, RANGE)) == [[UNKNOWN], [IN], [IN]]


def test_another_range_has_other_clients() -> None:
    narrow = LOW + 2, HIGH
    assert directions_of(([OPENED], RANGE), ([OPENED], narrow), ([OPENED], RANGE)) == [[OUT], [UNKNOWN], [OUT]]
    assert directions_of(([OPENED], RANGE), ([OPENED], None), ([OPENED], None)) == [[OUT], [UNKNOWN], [UNKNOWN]]
    assert directions_of(([OPENED], None), ([OPENED], RANGE)) == [[UNKNOWN], [OUT]]


def test_a_connection_to_a_port_in_the_range_tells_more_with_a_second_one() -> None:
    """Until then either end may be the service."""
    first, second = (sock(f"10.0.0.1:{LOW + n}", f"10.9.0.{n + 1}:{HIGH}", "TIME_WAIT") for n in range(2))
    assert directions_of(([first], RANGE), ([first, second], RANGE)) == [[UNKNOWN], [OUT, OUT]]


def test_addresses_that_are_forgotten_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "MANY", 0)
    crowd = [sock(f"10.0.0.1:{LOW}", f"10.9.1.{n}:443", "TIME_WAIT") for n in range(1, 20)]
    assert directions_of(([*crowd, ACCEPTED, OPENED], RANGE), ([OPENED, ACCEPTED], RANGE))[1] == [OUT, UNKNOWN]


def test_two_devices_are_two_destinations() -> None:
    there = [sock(f"10.0.0.1:{LOW + n}", "10.9.0.1:443", "TIME_WAIT", device=n) for n in range(3)]
    reading = take_reading(decode(make_sample(*there, *there[:1], port_range=RANGE)))
    assert sorted(reading.destinations.device.tolist()) == [0, 1, 2]
    assert reading.destinations.count.tolist() == [1, 1, 1]
