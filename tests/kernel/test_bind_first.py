"""A client that binds before it connects has one budget per local IP. twtop recognises such a client."""

import errno
import itertools
import socket
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.built_frames import frames
from tests.support.in_namespace import in_namespace, sysctl, wait_until
from tests.support.not_none import known
from tests.support.port_reading import Left, analyse, left
from tests.support.real_connections import Peer, Route, peers, read
from tests.support.sock_diag_dump import Block, make_sample, many
from tests.support.static_mix import REUSE_AT_ONCE_MS, Binders, StaticMix, bind_and_connect, build, fill, youngest_ms
from twtop.analysis.analysis import Analyst
from twtop.analysis.analysis import analyse as alone
from twtop.budgets.bind_first import BindFirst, bind_first
from twtop.sources.decode import decode

LOW, SIZE = 40_000, 200
LOCAL = "127.0.0.1"
ROUTES = [Route(LOCAL, f"127.0.1.{number}") for number in (1, 2, 3, 4)]


def observe() -> BindFirst:
    """What twtop says of this namespace, where all connections come from one address."""
    return known(bind_first(read().reading))


def four_peers() -> list[Peer]:
    sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + SIZE - 1}")
    return peers(*ROUTES)


@in_namespace
def test_a_client_that_binds_first_is_recognised_and_so_is_its_limit() -> None:
    """Over all destinations there are as many connections as ports. The next bind() fails with EADDRINUSE."""
    refused = None
    for peer in itertools.cycle(four := four_peers()):
        client = socket.socket()
        peer.clients.append(client)
        try:
            client.bind((LOCAL, 0))
        except OSError as error:
            refused = error.errno
            break
        client.connect((peer.route.remote, peer.route.port))
    seen = observe()
    assert refused == errno.EADDRINUSE
    assert sum(len(peer.clients) for peer in four) == SIZE + 1
    assert (seen.sockets.tolist(), seen.ports.tolist(), seen.destinations.tolist()) == ([SIZE], [SIZE], [4])
    assert seen.pressure.tolist() == [1.0]
    assert seen.holds.tolist() == [True]


@in_namespace
def test_of_a_client_that_was_seen_to_bind_first_it_is_known_that_reuse_does_not_help() -> None:
    """When it has taken all ports, they look like those that connect() may take over from their TIME_WAIT."""
    route = Route("10.9.0.1", "10.9.0.2")
    mix = StaticMix((Binders(route, time_wait=SIZE // 3),), (), size=SIZE, tw_reuse=1, reuse_delay_ms=REUSE_AT_ONCE_MS)
    namespace, analyst = build(mix, route), Analyst()
    for _ in range(2):
        found = analyst.analyse(read().reading.snapshot)
        namespace.make(Binders(route, time_wait=SIZE // 3))
    assert left(analyst.analyse(read().reading.snapshot), route.ends) == Left(2, 2)
    namespace.make(Binders(route, time_wait=2))
    wait_until(lambda: youngest_ms() > REUSE_AT_ONCE_MS, what="TIME_WAIT that connect() may take over")
    found = analyst.analyse(read().reading.snapshot)
    assert left(found, route.ends) == Left(0, 0)
    assert left(alone(found.snapshot), route.ends) == Left(0, SIZE)
    assert fill(lambda: bind_and_connect(route), namespace.held) == 0


@pytest.mark.parametrize("connections", [SIZE // 2, SIZE, 2 * SIZE, 4 * SIZE])
@in_namespace
def test_a_client_that_only_connects_is_not_taken_for_one_that_binds_first(connections: int) -> None:
    """Each destination has the whole range, and destinations share ports about as often as by chance."""
    for peer in (four := four_peers()):
        peer.established(connections // len(four))
    seen = observe()
    assert seen.sockets.tolist() == [connections]
    assert (seen.holds.tolist(), seen.possible.tolist()) == ([False], [False])


@pytest.mark.parametrize("connections", [SIZE, 2 * SIZE - 2])
@in_namespace
def test_a_single_destination_proves_nothing(connections: int) -> None:
    """All its ports are different, whether bind() or connect() chose them."""
    sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + 2 * SIZE - 1}")
    (peer,) = peers(ROUTES[0])
    peer.established(connections)
    seen = observe()
    assert seen.live.tolist() == [connections]
    assert seen.holds.tolist() == [False]


def scene(*blocks: Block, port_range: tuple[int, int] = (32_768, 60_999)) -> BindFirst:
    return known(bind_first(analyse(decode(make_sample(*blocks, port_range=port_range))).reading))


def distinct(address: str, connections: int, destinations: int) -> list[Block]:
    """Ports as bind() chooses them, with the destinations in turn: each once, and of the parity that it begins with."""
    ports = np.arange(32_769, 61_000, 2)[:connections]
    return [many(address, f"10.0.1.{n}:443", lports=ports[n::destinations]) for n in range(destinations)]


@pytest.mark.parametrize(("connections", "holds"), [(4, False), (40, True), (1000, True), (14_000, True)])
def test_a_handful_of_connections_proves_nothing(connections: int, holds: bool) -> None:
    """More than that do not have the parity that connect() tries last while there are ports of the other."""
    seen = scene(*distinct("10.0.0.1", connections, 4))
    assert (seen.holds.tolist(), seen.possible.tolist()) == ([holds], [not holds])


PACE = np.linspace(56.5, 59.99, 2000)
"""Timers of two thousand TIME_WAIT of the last 3.5 seconds. This is more per second than one range bears."""


def spread(ports: Sequence[int], destinations: int = 20) -> list[Block]:
    """TIME_WAIT of 10.0.0.1 on these ports, the destinations in turn."""
    rows = [np.arange(n, len(ports), destinations) for n in range(destinations)]
    return [
        many("10.0.0.1", f"10.0.1.{n}:443", "TIME_WAIT", lports=np.array(ports)[row], remaining=PACE[row])
        for n, row in enumerate(rows)
    ]


BOUND, CONNECTED = range(32_769, 36_769, 2), range(32_768, 36_768, 2)
"""Ports of the default range as bind() chooses them, and as connect() does."""

EITHER = [port + number // 20 % 2 for number, port in enumerate(CONNECTED)]
"""Ports of which, of twenty destinations in turn, each gets as many of one kind as of the other."""


def test_the_budget_of_an_address_is_forecast_like_that_of_a_destination() -> None:
    """The same TIME_WAIT, once of twenty destinations and once of a single one."""
    port_range = (32_768, 40_767)
    seen, (single,) = scene(*spread(BOUND), port_range=port_range), spread(CONNECTED, destinations=1)
    alone = analyse(decode(make_sample(single, tw_reuse=0, port_range=port_range))).budgets
    assert seen.live.tolist() == [0]
    assert seen.new_per_s[0] == alone.new_per_s[0] > 500
    assert seen.max_per_s[0] == pytest.approx(alone.max_per_s[0], rel=0.001)
    assert seen.full_in_s[0] == pytest.approx(alone.full_in_s[0], rel=0.01)


def test_no_destination_lasts_longer_than_the_budget_of_its_address() -> None:
    """Where the client binds first tcp_tw_reuse does not help, because bind() takes over no TIME_WAIT."""
    [found] = frames(make_sample(*spread(BOUND), port_range=(32_768, 38_767), tw_reuse=1))
    assert found.analysis.bind_first is not None
    assert found.analysis.bind_first.holds.all()
    soon = found.analysis.bind_first.full_in_s[0]
    assert 5 < soon < 8
    assert set(found.groups.budgets.full_in_s) == {soon}
    assert f"2,000 of 6,000 local ports; at most 4,000 more connections can be made, full in {soon:.0f} s" in (
        found.verdicts[0].text
    )
    assert found.verdicts[0].level == "critical"


def test_the_time_to_full_is_unknown_while_the_client_may_bind_first() -> None:
    """Each destination would never fill by itself. One budget for all would, and bind() may have chosen these ports."""
    [found] = frames(make_sample(*spread(EITHER), tw_reuse=0))
    assert np.isnan(found.groups.budgets.full_in_s).all()
    assert "full is not known yet" in found.verdicts[0].text


def test_the_time_to_full_is_never_where_connect_must_have_chosen_the_ports() -> None:
    [found] = frames(make_sample(*spread(CONNECTED), tw_reuse=0))
    assert set(found.groups.budgets.full_in_s) == {np.inf}
    assert "never full at this rate" in found.verdicts[0].text


def test_a_slow_client_is_never_full_even_if_it_binds_first() -> None:
    [found] = frames(make_sample(*slow(oldest=50.0), tw_reuse=0))
    assert set(found.groups.budgets.full_in_s) == {np.inf}


def test_the_time_to_full_is_unknown_for_a_load_that_has_just_begun() -> None:
    """In the next second it may be much more."""
    [found] = frames(make_sample(*slow(oldest=59.0), tw_reuse=0))
    assert np.isnan(found.groups.budgets.full_in_s).all()
    assert "full is not known yet" in found.verdicts[0].text


def slow(oldest: float) -> list[Block]:
    """Six TIME_WAIT that a client may have bound. `oldest` is the time left of the oldest one, in seconds."""
    blocks = [block[-1:].copy() for block in spread(BOUND)[:6]]
    blocks[0]["expires"] = oldest * 1000
    return blocks


def test_without_timers_the_budget_of_an_address_is_unknown() -> None:
    blocks = spread(BOUND)
    for block in blocks:
        block["timer"], block["expires"] = 0, 0
    seen = scene(*blocks)
    assert np.isnan([seen.new_per_s[0], seen.full_in_s[0]]).all()


def test_every_address_is_judged_by_itself() -> None:
    """One has sixty destinations and a port for each connection. The other has two and uses each port for both."""
    ports = np.arange(32_768, 56_768, 2)
    seen = scene(
        *distinct("10.0.0.1", 12_000, 60), *(many("10.0.0.2", f"10.0.1.{n}:443", lports=ports) for n in (1, 2))
    )
    found = dict(zip(seen.sockets.tolist(), seen.holds.tolist(), strict=True))
    assert found == {12_000: True, 24_000: False}
    assert seen.pressure[seen.holds] == pytest.approx(12_000 / 28_232)


def test_accepted_connections_do_not_count() -> None:
    seen = scene(many("10.0.0.1:80", state="LISTEN"), many("10.0.0.1:80", "10.0.1.1", rports=range(20_000, 60_000)))
    assert len(seen.local) == 0


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 2000))
def test_a_walk_like_that_of_connect_is_never_taken_for_bind_first(seed: int, destinations: int, each: int) -> None:
    """Each destination takes ports of the first parity from its own start on, and skips up to seven at a time."""
    random = np.random.default_rng(seed)
    blocks = []
    for number in range(destinations):
        steps = np.cumsum(random.integers(1, 9, each)) + random.integers(14_116)
        ports = np.unique(steps % 14_116) * 2 + 32_768
        blocks.append(many("10.0.0.1", f"10.0.1.{number}:443", lports=ports))
    assert scene(*blocks).holds.tolist() == [False]
