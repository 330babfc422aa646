"""Tallies and local ends, each compared with counting by hand."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.dump import local_ends as module
from twtop.dump.ephemeral_ports import ephemeral_ports
from twtop.dump.local_ends import LocalEnds
from twtop.dump.tallies import Kind, kinds, tallies
from twtop.model import Sockets, Timer
from twtop.sources.decode import decode

KINDS = st.integers(0, 255).map(Kind)


@given(st.lists(st.tuples(KINDS, st.integers(-1, 3)), max_size=30), KINDS, KINDS)
def test_a_tally_counts_what_is_of_all_kinds_and_of_none_of_the_others(
    sockets: list[tuple[Kind, int]], has: Kind, lacks: Kind
) -> None:
    kind = np.array([each for each, _ in sockets], np.uint8)
    code = np.array([destination for _, destination in sockets], np.intp)
    wanted = Counter(destination for each, destination in sockets if each & has == has and not each & lacks)
    assert tallies(kind, code, 4).of(has, lacks).tolist() == [wanted[destination] for destination in range(4)]


def test_a_tally_by_hand() -> None:
    kind = np.array([Kind.OPEN, Kind.OPEN | Kind.FIRST, Kind.FIRST, Kind.OPEN, Kind.DOUBTFUL], np.uint8)
    found = tallies(kind, np.array([0, 1, 1, -1, 1]), 3)
    assert found.of().tolist() == [1, 3, 0]
    assert found.of(Kind.OPEN).tolist() == [1, 1, 0]
    assert found.of(Kind.OPEN, lacks=Kind.FIRST).tolist() == [1, 0, 0]
    assert found.of(Kind.OPEN | Kind.FIRST).tolist() == [0, 1, 0]
    assert tallies(kind[:0], np.empty(0, np.intp), 2).of().tolist() == [0, 0]
    with pytest.raises(ValueError, match="read-only"):
        found.counts[0, 0] = 1


def test_the_first_parity_is_that_of_the_low_end() -> None:
    snapshot = decode(make_sample(*(sock(f"10.0.0.1:{port}", "10.0.0.5:443") for port in (40_001, 40_002))))
    for low, expected in ((40_001, [True, False]), (40_000, [False, True])):
        limits = replace(snapshot.limits, port_range=(low, 40_009))
        ports = ephemeral_ports(limits, snapshot.sockets, LocalEnds(snapshot.sockets).per_port)
        assert [bool(kind & Kind.FIRST) for kind in kinds(snapshot.sockets, ports).tolist()] == expected


def test_a_socket_shows_its_own_kinds() -> None:
    sample = make_sample(
        sock("10.0.0.1:40000", "10.0.0.5:443"),
        sock("10.0.0.1:40001", "10.0.0.5:443", "TIME_WAIT"),
        sock("10.0.0.1:40002", "10.0.0.5:443", "FIN_WAIT2", timer=Timer.TIMEWAIT, remaining=5),
        sock("10.0.0.1:50000", "10.0.0.5:443"),
        port_range=(40000, 40009),
    )
    snapshot = decode(sample)
    ports = ephemeral_ports(snapshot.limits, snapshot.sockets, LocalEnds(snapshot.sockets).per_port)
    open_first, ending = Kind.OPEN | Kind.FIRST, Kind.ENDING
    expected = [open_first, Kind.OPEN | ending | Kind.TIME_WAIT, open_first | ending, Kind.FIRST]
    assert kinds(snapshot.sockets, ports).tolist() == expected
    assert kinds(snapshot.sockets, None).tolist() == [0, ending | Kind.TIME_WAIT, ending, 0]


def on_ports(*lports: int) -> Sockets:
    """Sockets of three addresses, each on these ports, and a second one of the first address on the first port."""
    each = [many(f"10.0.0.{host}", "10.0.0.5:443", lports=lports) for host in (1, 2, 3)]
    return decode(make_sample(*each, sock(f"10.0.0.1:{lports[0]}", "10.0.0.6:443"))).sockets


@pytest.mark.parametrize("ports", [1 << 16, 4], ids=["few sockets", "many sockets"])
def test_local_ends_are_counted_by_address_and_port(ports: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With so few ports in all, ten sockets are many."""
    monkeypatch.setattr(module, "PORTS", ports)
    sockets = on_ports(0, 1, 3)
    ends = LocalEnds(sockets)
    found = {
        (sockets.addresses.integer(int(local)) & 0xFF, int(port)): int(count)
        for local, port, count in zip(ends.local, ends.port, ends.per_end, strict=True)
    }
    alone = {(host, lport): 1 for host in (1, 2, 3) for lport in (0, 1, 3)}
    assert found == alone | {(1, 0): 2}
    assert ends.per_port[:4].tolist() == [4, 3, 0, 3]
    own = zip(ends.local[ends.number], ends.port[ends.number], strict=True)
    assert [*own] == [*zip(sockets.local, sockets.lport, strict=True)]
    for which in (np.arange(len(sockets)) < 2, np.arange(len(sockets)) >= 2):  # the fewer, and the more
        assert ends.count(which).tolist() == np.bincount(ends.number[which], minlength=len(ends)).tolist()
