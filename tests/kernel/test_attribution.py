"""Owners of sockets that the kernel keeps without an owner: real TIME_WAIT and FIN_WAIT2 of a server and a client."""

import socket

from tests.support.in_namespace import in_namespace, wait_until
from tests.support.known_owners import Owner, owner_of_each
from tests.support.other_process import server
from twtop.model import TcpState
from twtop.processes.attribution import OwnerTracker
from twtop.processes.fd_search import Search
from twtop.sources.decode import decode
from twtop.sources.probe import read_sample


def owners_now(tracker: OwnerTracker) -> dict[tuple[int, int], tuple[TcpState, Owner]]:
    """The sockets of this namespace: (local port, remote port) → state and owner."""
    sockets, search = decode(read_sample()).sockets, Search()
    search.want(sockets.inode)
    search.finish()
    ends = zip(sockets.lport.tolist(), sockets.rport.tolist(), strict=True)
    found = zip(map(TcpState, sockets.state), owner_of_each(tracker.assign(sockets, search.holders)), strict=True)
    return dict(zip(ends, found, strict=True))


@in_namespace
def test_a_time_wait_of_a_server_belongs_to_the_server() -> None:
    with server("tw-server") as child:
        tracker, client = OwnerTracker(), child.dial()
        ends = child.port, client.getsockname()[1]
        assert owners_now(tracker)[ends] == (TcpState.ESTABLISHED, f"tw-server {child.pid}")
        child.close()
        client.close()
        wait_until(lambda: owners_now(tracker)[ends][0] is TcpState.TIME_WAIT, what="TIME_WAIT")
        assert owners_now(tracker)[ends][1] == f"tw-server {child.pid}"
        assert owners_now(OwnerTracker())[ends][1] == "tw-server?"


@in_namespace
def test_a_time_wait_of_a_client_belongs_to_the_client() -> None:
    with server("tw-client") as child, socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
        tracker = OwnerTracker()
        child.connect(port)
        accepted, (_, lport) = service.accept()
        ends = lport, port
        assert owners_now(tracker)[ends] == (TcpState.ESTABLISHED, f"tw-client {child.pid}")
        child.close()
        accepted.close()
        wait_until(lambda: owners_now(tracker)[ends][0] is TcpState.TIME_WAIT, what="TIME_WAIT")
        assert owners_now(tracker)[ends][1] == f"tw-client {child.pid}"
        assert owners_now(OwnerTracker())[ends][1] is None
        child.connect(port)
        assert owners_now(OwnerTracker())[ends][1] == "tw-client?"
        with socket.create_connection(("127.0.0.1", port)):
            assert owners_now(OwnerTracker())[ends][1] is None


@in_namespace
def test_a_closed_fin_wait2_belongs_to_the_process_that_closed_it() -> None:
    with server("tw-server") as child:
        tracker, client = OwnerTracker(), child.dial()
        ends = child.port, client.getsockname()[1]
        owners_now(tracker)
        child.close()
        wait_until(lambda: owners_now(tracker)[ends][0] is TcpState.FIN_WAIT2, what="FIN_WAIT2")
        assert owners_now(tracker)[ends][1] == f"tw-server {child.pid}"
        assert owners_now(OwnerTracker())[ends][1] == "tw-server?"
        client.close()
