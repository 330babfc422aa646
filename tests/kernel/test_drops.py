"""DROPS: what conntrack drops, and whose counters the kernel shows to whom."""

import contextlib
import socket

from tests.support.conntrack import STATISTICS, entries, fill, most_entries, track
from tests.support.in_namespace import in_namespace, run_in_namespace, sysctl, wait_until
from tests.support.not_none import known
from tests.support.raw_syn import raw_syn
from tests.support.silent_network import begun, retransmits, silent_network, state
from tests.support.watch import Watch, verdict_of
from twtop.demo.load import listener, open_client
from twtop.frame.frame import Frame
from twtop.model import TcpState
from twtop.sources.decode_counters import decode_counters
from twtop.sources.probe import read_files
from twtop.verdicts.verdict import Level


@in_namespace
def test_a_full_conntrack_table_drops_each_syn_and_is_named() -> None:
    track()
    with listener(("127.0.0.1", 80)) as server, contextlib.ExitStack() as ends:
        watch = Watch()
        fill(assured=True)
        assert verdict_of(watch.frame(), "drops").value == 0
        clients = begun(server.getsockname(), 12, ends)
        wait_until(lambda: all(map(retransmits, clients)), what="retransmits")
        fewest = sum(map(retransmits, clients))
        frame = watch.frame()
        counted = frame.snapshot.counters["conntrack_drop"]
        assert 12 + fewest <= counted <= 12 + sum(map(retransmits, clients))
        drops = verdict_of(frame, "drops")
        assert drops.level is Level.CRITICAL
        assert known(drops.value) > 0
        assert "packets in conntrack; all accept queues are empty; conntrack is at 100 %" in drops.text
        syn = verdict_of(frame, "unanswered")
        assert syn.level is Level.CRITICAL
        assert syn.text.endswith("; conntrack drops packets here.")


@in_namespace
def test_entries_without_an_answer_give_way_to_a_new_connection() -> None:
    """Nothing is dropped. The kernel may have swept the table just before (gc_worker): then it is filled once more."""
    track()
    with listener(("127.0.0.1", 80)) as server:
        watch = Watch()

        def after_one_more() -> Frame | None:
            fill(assured=False)
            watch.frame()
            with open_client(server.getsockname()), server.accept()[0]:
                frame = watch.frame()
            return frame if frame.rates["conntrack_early_drop"] else None

        frame = wait_until(after_one_more, 60, "an entry that gave way")
        assert frame.snapshot.counters["conntrack_drop"] == verdict_of(frame, "drops").value == 0
        assert "conntrack entries that gave way to new ones" in verdict_of(frame, "drops").text


def test_each_namespace_has_its_own_counters_of_conntrack_and_everyone_may_read_them() -> None:
    """Another one, whose table is not full, has dropped nothing."""

    def body() -> tuple[int, int]:
        track()
        with listener(("127.0.0.1", 80)) as server, open_client(server.getsockname()), server.accept()[0]:
            assert STATISTICS.stat().st_mode & 0o004
            assert entries() > 0
            counters = decode_counters(dict(read_files("/proc")))
            return counters["conntrack_drop"], most_entries()

    dropped, room = run_in_namespace(body)
    assert (dropped, room > 0) == (0, True)


@in_namespace
def test_the_listener_that_drops_is_named_whose_queue_is_empty_again() -> None:
    """Another one has dropped more, but before. All queues are empty whenever sockets are read."""
    watch = Watch()
    with listener(("127.0.0.1", 81)) as former, listener(("127.0.0.1", 82)) as now:
        watch.frame()
        assert overflowed(former, 9) == 8
        assert "127.0.0.1:81 drops most" in verdict_of(watch.frame(), "drops").text
        assert overflowed(now, 5) == 4
        frame = watch.frame()
        text = verdict_of(frame, "drops").text
        assert "connections at a full accept queue; 127.0.0.1:82 drops most, " in text
        assert text.count("all accept queues are empty") == 1
        assert (frame.snapshot.counters["ListenDrops"], sum(known(frame.snapshot.listener_drops).values())) == (12, 12)


@in_namespace
def test_a_full_syn_queue_gives_cookies_or_drops_as_tcp_syncookies_says() -> None:
    silent_network()
    watch = Watch()
    with socket.create_server(("127.0.0.1", 80), backlog=4) as server:
        frames = [watch.frame()]
        for cookies in (1, 0):
            sysctl("net.ipv4.tcp_syncookies", cookies)
            for host in range(20):
                raw_syn((f"198.18.{cookies}.{host}", 9), server.getsockname())
            frames.append(watch.frame())
    _, with_cookies, without = (verdict_of(frame, "drops") for frame in frames)
    counters = frames[-1].snapshot.counters
    assert counters["TCPReqQFullDrop"] == counters["ListenDrops"] == 20
    assert 0 < counters["TCPReqQFullDoCookies"] < 20
    assert (with_cookies.level, with_cookies.value) == (Level.WARN, 0)
    assert "SYN cookies, since a SYN queue is full" in with_cookies.text
    assert without.level is Level.CRITICAL
    assert "SYN at a full SYN queue, since tcp_syncookies is 0; 127.0.0.1:80 drops most" in without.text


def overflowed(server: socket.socket, clients: int) -> int:
    """Let so many connect to a listener that has room for one, and then accept that one; how many are not answered."""
    server.listen(0)
    with contextlib.ExitStack() as ends:
        states = [state(client) for client in begun(server.getsockname(), clients, ends)]
        server.accept()[0].close()
    return states.count(TcpState.SYN_SENT)
