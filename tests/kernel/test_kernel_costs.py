"""What is the whole machine's and what a namespace's own: the hash of connections, and orphans."""

import contextlib
import os
from pathlib import Path

import pytest

from tests.support.in_namespace import in_namespace, run_in_namespace, sysctl, wait_until
from tests.support.not_none import known
from twtop.analysis.kernel_costs import HashLoad, ehash_load
from twtop.demo.load import client_closes, listener, open_client
from twtop.model import Snapshot
from twtop.sources.decode import decode
from twtop.sources.probe import read_sample

HELD = 200


def time_waits(count: int) -> None:
    with listener(("127.0.0.1", 80)) as server:
        for _ in range(count):
            client_closes((open_client(server.getsockname()), server.accept()[0]))


def now() -> Snapshot:
    return decode(read_sample())


def hash_of(snapshot: Snapshot) -> HashLoad:
    return known(ehash_load(snapshot))


def test_in_a_shared_table_other_namespaces_have_sockets_that_only_root_can_bound() -> None:
    """A namespace without a socket has a load of 0 at least. The slabs tell root of those in another namespace."""

    def seen_from_another() -> tuple[float, HashLoad]:
        time_waits(HELD)
        here = now()
        there = run_in_namespace(lambda: hash_of(now()))
        assert here.gauges["tw"] == HELD
        return hash_of(here).least * abs(known(here.limits.ehash_entries)), there

    held, load = run_in_namespace(seen_from_another)
    assert (held, load.least) == (HELD, 0)
    entries = abs(known(now().limits.ehash_entries))
    if os.access("/proc/slabinfo", os.R_OK):
        assert known(load.most) * entries >= HELD
    else:
        assert load.most is None


@in_namespace
def test_a_namespace_with_a_table_of_its_own_knows_its_load() -> None:
    table = Path("/proc/sys/net/ipv4/tcp_child_ehash_entries")
    if not table.exists():
        pytest.skip("this kernel gives no namespace a hash table of its own")
    sysctl("net.ipv4.tcp_child_ehash_entries", 512)

    def body() -> tuple[int | None, HashLoad]:
        time_waits(HELD)
        snapshot = now()
        return snapshot.limits.ehash_entries, hash_of(snapshot)

    assert run_in_namespace(body) == (512, HashLoad(HELD / 512, HELD / 512))


def test_the_first_namespace_alone_has_the_limit_of_orphans_and_its_table_is_not_its_own() -> None:
    """That tells its hash table, which others share, from one that a namespace has for itself."""
    limit = Path("/proc/sys/net/ipv4/tcp_max_orphans")
    assert run_in_namespace(lambda: (limit.exists(), now().gauges.get("orphan_max"))) == (False, None)
    if limit.exists():
        load = hash_of(now())
        assert load.most is None or load.most > load.least


@in_namespace
def test_orphans_are_counted_for_the_whole_machine() -> None:
    """A client that closes with unsent bytes leaves an orphan. Another namespace counts it too."""

    def orphans() -> int:
        return now().gauges["orphan"]

    with listener(("127.0.0.1", 80)) as server, contextlib.ExitStack() as ends:
        for _ in range(20):
            client = open_client(server.getsockname())
            ends.enter_context(server.accept()[0])
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    client.send(bytes(1 << 16))
            client.close()
        wait_until(lambda: orphans() >= 20, what="20 orphans")
        assert run_in_namespace(orphans) >= 20
