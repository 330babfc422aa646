"""The demo's scenarios: data, and the streams of connections of each."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import field

from twtop.demo.load import Connection, ConnectStats, Server, Stream, client_closes, connect, server_closes
from twtop.demo.private_netns import has_ipv6
from twtop.records import dataclass

CLIENT, SERVER = "10.0.0.1", "10.0.0.5"
NETWORKS = (("10.0.0.0", 8), ("fd77::", 64))
PEERS_IPV4, PEERS_IPV6 = 900, 100
KEPT = 20
SMALL_RANGE, WIDE_RANGE = (32768, 36767), (1024, 65535)

Streams = Callable[[ConnectStats, float], list[Stream]]
"""(statistics to fill, share of the scenario's own rate) → the streams to run."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`shows` says in one line what to look for and what it proves. `rate` is per second, over all streams."""

    name: str
    shows: str
    rate: float
    streams: Streams
    ports: tuple[int, int] = SMALL_RANGE
    sysctls: Mapping[str, int] = field(default_factory=dict)


def _client_closes(rate: float) -> Streams:
    def streams(stats: ConnectStats, share: float) -> list[Stream]:
        server = Server((SERVER, 443))
        opened: list[Connection] = []

        def ask() -> None:
            """Close the last connection after opening another: each lasts for some milliseconds, as a request takes."""
            last = opened[:]
            try:
                opened.append(connect(server, stats, CLIENT))
            finally:
                for pair in last:
                    opened.remove(pair)
                    client_closes(pair)

        return [Stream(rate * share, ask)]

    return streams


def _server_closes(rate: float) -> Streams:
    def streams(stats: ConnectStats, share: float) -> list[Stream]:
        server = Server((SERVER, 8080))
        return [Stream(rate * share, lambda: server_closes(connect(server, stats, "10.0.0.9")))]

    return streams


def _many_peers(rate: float) -> Streams:
    def streams(stats: ConnectStats, share: float) -> list[Stream]:
        import random  # takes some milliseconds, and the command line needs the names of scenarios alone

        servers = {False: Server((SERVER, 80))}
        peers = [f"10.1.{i // 250}.{i % 250 + 1}" for i in range(PEERS_IPV4)]
        if has_ipv6():
            servers[True] = Server(("fd77::5", 80))
            peers += [f"fd77::1:{i:x}" for i in range(PEERS_IPV6)]
        chance = random.Random(1)
        chance.shuffle(peers)

        def step() -> None:
            peer = peers[min(int(chance.paretovariate(0.6)) - 1, 10 * len(peers)) % len(peers)]
            server_closes(connect(servers[":" in peer], stats, peer))

        return [Stream(rate * share, step)]

    return streams


def _bind_first(rate: float) -> Streams:
    def streams(stats: ConnectStats, share: float) -> list[Stream]:
        servers = itertools.cycle([Server((SERVER, 9000 + i)) for i in range(5)])
        return [Stream(rate * share, lambda: client_closes(connect(next(servers), stats, "10.0.0.2", bind_first=True)))]

    return streams


def _keep_alive(rate: float) -> Streams:
    def streams(stats: ConnectStats, share: float) -> list[Stream]:
        server = Server((SERVER, 5432))
        kept: list[Connection] = []

        def request() -> None:
            if len(kept) < KEPT:
                kept.append(connect(server, stats, "10.0.0.3"))
            client, answering = kept[stats.requests % len(kept)]
            client.sendall(b"?")
            answering.sendall(answering.recv(1))
            client.recv(1)
            stats.requests += 1

        return [Stream(rate * share, request)]

    return streams


def _leak(rate: float) -> Streams:
    def streams(stats: ConnectStats, share: float) -> list[Stream]:
        server, forgotten = Server((SERVER, 7000)), []

        def forget() -> None:
            client, leaked = connect(server, stats, "10.0.0.4")
            client.close()
            forgotten.append(leaked)

        return [Stream(rate * share, forget)]

    return streams


def _all_of(*parts: Streams) -> Streams:
    return lambda stats, share: [stream for part in parts for stream in part(stats, share)]


NO_REUSE = {"net.ipv4.tcp_tw_reuse": 0}

SCENARIOS = (
    Scenario(
        "client-closes",
        "10.0.0.5:443 fills, passes the cliff at half, then connect() fails as the gauge says full: who closes pays",
        150, _client_closes(150), sysctls=NO_REUSE,
    ),
    Scenario(
        "server-closes",
        "TIME_WAIT pile up behind one port, the client comes back on its ports, nothing fails: a server needs one port",
        4000, _server_closes(4000), WIDE_RANGE, NO_REUSE,
    ),
    Scenario(
        "many-peers",
        "a thousand client addresses, some IPv6: sort, group by prefix (b) and filter (/) find the few that matter",
        800, _many_peers(800), WIDE_RANGE, NO_REUSE,
    ),
    Scenario(
        "overflow",
        "at tcp_max_tw_buckets = 2,000 new closes skip TIME_WAIT: the count stops, overflow counts, nothing fails",
        300, _server_closes(300), WIDE_RANGE, NO_REUSE | {"net.ipv4.tcp_max_tw_buckets": 2000},
    ),
    Scenario(
        "bind-first",
        "bind() before connect(): five destinations share one budget and it ends with EADDRINUSE at a fifth of each",
        40, _bind_first(40), (32768, 33767), NO_REUSE,
    ),
    Scenario(
        "reuse",
        "the load of client-closes with tcp_tw_reuse = 1: TIME_WAIT older than a second are taken over, it never fills",
        150, _client_closes(150), sysctls={"net.ipv4.tcp_tw_reuse": 1},
    ),
    Scenario(
        "keep-alive",
        "the cure: as many requests as client-closes over 20 kept connections, and no TIME_WAIT at all",
        150, _keep_alive(150), sysctls=NO_REUSE,
    ),
    Scenario(
        "leak",
        "an application forgets to close: CLOSE_WAIT grow and hold descriptors, while TIME_WAIT hold none",
        20, _leak(20), WIDE_RANGE, NO_REUSE,
    ),
    Scenario(
        "mixed",
        "several of these at once: something to see in every panel",
        552, _all_of(_client_closes(100), _server_closes(300), _many_peers(100), _leak(2), _keep_alive(50)),
        (32768, 38767), NO_REUSE,
    ),
)  # fmt: skip

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
DEFAULT = "mixed"
