"""What a dump takes from the one before it is what it would find by itself, whatever came and went between the two."""

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sock_diag_dump import Block, make_sample, sock
from twtop.dump.reading import NOTHING, Known, Reading, take_reading
from twtop.model import Direction, Snapshot
from twtop.sources.decode import decode

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
