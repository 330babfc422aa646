"""DROPS: what conntrack drops, and whose counters the kernel shows to whom."""

import contextlib

from tests.support.conntrack import STATISTICS, entries, fill, most_entries, track
from tests.support.in_namespace import in_namespace, run_in_namespace, wait_until
from tests.support.not_none import known
from tests.support.silent_network import begun, retransmits
from tests.support.watch import Watch, verdict_of
from twtop.demo.load import listener, open_client
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
    """Nothing is dropped, and conntrack is full: DROPS is critical since the table is."""
    track()
    with listener(("127.0.0.1", 80)) as server:
        watch = Watch()
        fill(assured=False)
        watch.frame()
        with open_client(server.getsockname()), server.accept()[0]:
            frame = watch.frame()
        assert frame.snapshot.counters["conntrack_early_drop"] >= 1
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
