"""SYN: endpoints that do not answer. The kernel says how often each client has sent its SYN again."""

import contextlib
import errno
import socket
import time
from collections.abc import Iterator

from tests.support.far_network import HERE, far_network
from tests.support.in_namespace import in_namespace, wait_until
from tests.support.not_none import known
from tests.support.raw_syn import raw_syn
from tests.support.silent_network import begin, begun, retransmits, silent_network, state
from tests.support.watch import Watch, verdict_of
from twtop.analysis.unanswered import MUTE_LEAST, MUTE_S, SilentEndpoint
from twtop.demo.load import listener
from twtop.frame.frame import Frame
from twtop.model import TcpState
from twtop.sources.decode import decode
from twtop.sources.probe import read_sample
from twtop.sources.procfs_source import read_procfs
from twtop.verdicts.verdict import Level, Verdict

SILENT, OTHER = ("198.18.0.1", 443), ("198.18.0.2", 80)


def syn(frame: Frame) -> Verdict:
    return verdict_of(frame, "unanswered")


def worst(frame: Frame) -> SilentEndpoint:
    return known(frame.analysis.unanswered.worst)


@in_namespace
def test_the_endpoint_is_named_for_which_most_wait_and_since_when() -> None:
    silent_network()
    watch = Watch()
    with contextlib.ExitStack() as ends:
        began = time.monotonic()
        clients, others = begun(SILENT, 20, ends), begun(OTHER, 3, ends)
        wait_until(lambda: all(map(retransmits, clients + others)), what="a retransmit of each")
        fewest = max(map(retransmits, clients))
        frame = watch.frame()
        assert fewest <= worst(frame).retransmits <= max(map(retransmits, clients))
        assert (syn(frame).level, syn(frame).short, syn(frame).value) == (Level.CRITICAL, "23 unanswered", 23)
        assert syn(frame).text.startswith("198.18.0.1:443 leaves 20 SYN unanswered, for ")
        assert "3 more wait for 1 other endpoint" in syn(frame).text
        assert 1 <= worst(frame).silent_s <= frame.snapshot.mono - began
        again = max(map(retransmits, clients)) + 1
        wait_until(lambda: min(map(retransmits, clients)) >= again, what="one more retransmit of each")
        later = watch.frame()
        passed = later.snapshot.mono - frame.snapshot.mono
        assert worst(frame).silent_s + passed - 1e-6 <= worst(later).silent_s <= later.snapshot.mono - began
    assert syn(watch.frame()).text == "No connect() waits for an answer."


@in_namespace
def test_a_load_on_a_far_host_is_no_alarm() -> None:
    """Each connect() waits for a round trip of 0.3 s and succeeds. A frame counts if no SYN was sent again by then."""
    watch, judged = Watch(), list[float]()
    with far_network(one_way_s=0.15), listener((HERE, 443)) as server:
        server.setblocking(False)
        for waiting in connecting(SILENT, patience_s=60):
            with contextlib.suppress(BlockingIOError):
                while True:
                    server.accept()[0].close()
            frame = watch.frame()
            if not any(map(retransmits, waiting)) and frame.states.count[TcpState.SYN_SENT] >= MUTE_LEAST:
                judged.append(frame.snapshot.mono)
                assert (syn(frame).level, syn(frame).short) == (Level.OK, "ok")
                assert "SYN_SENT wait for an answer, less than a second each" in syn(frame).text
            if judged and judged[-1] - judged[0] > MUTE_S + 1:
                break
    assert len(judged) > 10
    assert frame.snapshot.counters["PassiveOpens"] > 10


@in_namespace
def test_an_endpoint_with_nothing_but_syn_sent_is_told_where_clients_give_up_soon() -> None:
    silent_network()
    watch, began = Watch(), time.monotonic()
    for waiting in connecting(SILENT, patience_s=0.5):
        frame = watch.frame()
        if not any(map(retransmits, waiting)) and syn(frame).level is not Level.OK:
            break
        assert time.monotonic() - began < 30
    mute = known(frame.analysis.unanswered.mute)
    assert MUTE_S <= mute.mute_s <= frame.snapshot.mono - began
    assert mute.syn_sent == frame.states.count[TcpState.SYN_SENT] >= MUTE_LEAST
    assert (syn(frame).level, syn(frame).short) == (Level.WARN, f"{mute.syn_sent} SYN_SENT")
    assert "nobody answers and clients give up within a second" in syn(frame).text


def connecting(address: tuple[str, int], patience_s: float) -> Iterator[list[socket.socket]]:
    """Begin eight connect() at a time, and close each that is answered or has waited for so long; those that wait."""
    waiting: dict[socket.socket, float] = {}
    try:
        while True:
            waiting |= {begin(address): time.monotonic() + patience_s for _ in range(8)}
            for client, until in list(waiting.items()):
                if until <= time.monotonic() or state(client) != TcpState.SYN_SENT:
                    del waiting[client]
                    client.close()
            yield list(waiting)
            time.sleep(0.05)
    finally:
        for client in waiting:
            client.close()


@in_namespace
def test_a_single_client_may_have_lost_packets_until_its_third_retransmit() -> None:
    """Both sources that know of retransmits say the same as the kernel does to the client."""
    silent_network()
    watch = Watch()
    with begin(SILENT) as client:
        while retransmits(client) < 3:
            sent, frame = retransmits(client), watch.frame()
            if retransmits(client) < 3:
                assert syn(frame).level is Level.OK
                assert ("so few may be lost packets" in syn(frame).text) or not sent
            time.sleep(0.05)
        assert worst(watch.until("unanswered", Level.WARN)).retransmits >= 3
        steady = retransmits(client)
        seen = [int(decode(read()).sockets.retransmits.max()) for read in (read_sample, read_procfs)]
        assert seen in ([steady] * 2, [retransmits(client)] * 2, [steady, retransmits(client)])


@in_namespace
def test_a_listener_here_whose_accept_queue_is_full_is_named_as_the_reason() -> None:
    """The kernel drops each SYN to it and counts that. Once the queue is longer, all get in."""
    watch = Watch()
    with listener(("127.0.0.1", 81)) as server, contextlib.ExitStack() as ends:
        server.listen(0)  # room for one
        watch.frame()
        clients = begun(server.getsockname(), 20, ends)
        wait_until(lambda: sum(map(bool, map(retransmits, clients))) == 19, what="retransmits")
        fewest = sum(map(retransmits, clients))
        frame = watch.frame()
        dropped = frame.snapshot.counters["ListenDrops"]
        assert 19 + fewest <= dropped <= 19 + sum(map(retransmits, clients))
        assert syn(frame).level is Level.CRITICAL
        assert "it listens here, and its accept queue is full: 1 of 1" in syn(frame).text
        assert (worst(frame).waiting, worst(frame).answered) == (19, 1)
        drops = verdict_of(frame, "drops")
        assert drops.level is Level.CRITICAL
        assert drops.text.startswith("Dropped per second: ")
        assert "connections at a full accept queue; 127.0.0.1:81 drops most, " in drops.text
        assert "/s, and has the fullest accept queue: 1 of 1" in drops.text
        assert known(drops.value) > 0
        server.listen(100)
        watch.until("unanswered", Level.OK)
        assert [client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for client in clients] == [0] * 20
        assert all(client.getpeername() for client in clients)


@in_namespace
def test_connects_that_are_refused_are_counted_and_handshakes_that_peers_break_off_are_not() -> None:
    watch = Watch()
    with listener(("127.0.0.1", 82)):
        before = watch.frame()
        for port in range(200):
            raw_syn(("127.0.0.1", 20_000 + port), ("127.0.0.1", 82))
        broken = watch.frame()
        for _ in range(50):
            with socket.socket() as client:
                assert client.connect_ex(("127.0.0.1", 81)) == errno.ECONNREFUSED
        refused = watch.frame()
    assert counted(before, broken, "AttemptFails") == counted(before, broken, "EmbryonicRsts") == 200
    assert syn(broken).level is Level.OK
    assert (counted(broken, refused, "AttemptFails"), counted(broken, refused, "EmbryonicRsts")) == (50, 0)
    if refused.snapshot.mono - broken.snapshot.mono < 4:
        assert syn(refused).level is Level.WARN
        assert "connects per second are refused or given up" in syn(refused).text


def counted(before: Frame, after: Frame, counter: str) -> int:
    return after.snapshot.counters[counter] - before.snapshot.counters[counter]
