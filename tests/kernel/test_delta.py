"""Real tables under churn: each comes out of the one before and the bytes of a delta, as a whole decoding has it."""

import socket

import pytest

from tests.support.decoded_rows import rows
from tests.support.in_namespace import in_namespace, sysctl
from tests.support.real_connections import Peer, Route, peers
from twtop.demo.load import server_closes
from twtop.model import Sockets, TcpState, Timer
from twtop.sources.decode_procfs import decode_tables
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.probe import read_sample
from twtop.sources.procfs_source import read_procfs
from twtop.table.delta import COLUMNS, delta, no_sockets
from twtop.table.delta_codec import decode, encode

ROUNDS = 5
READ = {"sock_diag": (read_sample, decode_dump), "procfs": (read_procfs, decode_tables)}
PORT = 20_000
"""No connect() chooses it."""


def churn(some: list[Peer], halves: Peer, number: int) -> socket.socket:
    """New TIME_WAIT and closed FIN_WAIT2, connections that begin and that become TIME_WAIT, and a listener more."""
    for peer in some:
        peer.time_wait(40)
        if number % 2:
            peer.close_all()
        peer.established(20)
    halves.closed_fin_wait2(5)
    _take_anew(halves.server)
    return socket.create_server(("127.0.0.1", 0))


def _take_anew(server: socket.socket) -> None:
    """The server's end is in TIME_WAIT, and a new connection takes it over."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("127.0.0.1", PORT))
    client.connect(server.getsockname())
    server_closes((client, server.accept()[0]))


def columns(sockets: Sockets) -> list[object]:
    """All rows, with the columns that `rows` leaves out."""
    return [rows(sockets), *(getattr(sockets, name).tolist() for name in COLUMNS if name not in ("local", "remote"))]


@pytest.mark.parametrize("source", READ)
@in_namespace
def test_successive_deltas_give_what_whole_decodings_give(source: str) -> None:
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    read, decode_table = READ[source]
    halves, *some = peers(Route("127.0.0.1", "127.0.0.2"), Route("127.0.0.1", "127.0.0.3", 301), Route("::1", "::1"))
    here = there = no_sockets()
    listeners, anew = [], set[int]()
    for number in range(ROUNDS + 1):
        listeners.append(churn(some, halves, number))
        dump = bytes(read().dump or b"")
        now = decode_table(dump, here if len(here) else None)
        change = delta(here, now)
        there = decode(encode(change, here), there).applied(there)
        assert columns(there) == columns(now)
        assert sorted(map(repr, rows(there))) == sorted(map(repr, rows(decode_table(dump, None))))
        waits = change.origin[now.timer == Timer.TIMEWAIT]
        began = (here.timer == Timer.TIMEWAIT).sum()
        assert began - 1 <= (waits >= 0).sum() <= began  # the one that was taken over is another one
        assert len(change.gone(here)) >= (number > 0 and source == "sock_diag")  # by ends, few ms tell nothing
        anew |= set(there.identity[(there.rport == PORT) & (there.state == TcpState.TIME_WAIT)].tolist())
        here = now
    assert len(here) > 2 * ROUNDS * 40
    assert len(anew) == ROUNDS + 1 or source == "procfs"
