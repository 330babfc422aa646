"""What the kernel leaves out for a filter is nothing that the filter would show: judged by reading all of it, too."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.support.in_namespace import add_address, in_namespace, sysctl, wait_until
from tests.support.real_connections import Route, bind, listen, peers
from tests.support.sock_diag_dump import make_sample, many, sock
from tests.support.sockets_in_every_state import Bench, Family
from twtop.analysis.analysis import Analysis, analyse
from twtop.demo.load import ConnectStats, Server, connect, open_client
from twtop.engine.sampler import Sampler, is_whole
from twtop.filter.parser import parse
from twtop.frame.apply_view import AppliedView, apply_view
from twtop.frame.view import View
from twtop.model import Limits, Owners, TcpState
from twtop.sources.decode import decode
from twtop.sources.decode_counters import decode_limits
from twtop.sources.kernel_filter import pushed_down
from twtop.sources.probe import ALL_SOCKETS, COUNTERS_ONLY, CollectError, Request, Sample, read_sample
from twtop.sources.source import ReadBy

HERE, THERE, OTHER, HERE6 = "10.0.0.1", "10.0.0.5", "10.0.1.6", "fd77::1"
PORTS = (80, 300, 443, 8443, 41_000, 50_051, 700)
TERMS = [
    *(f"{field} {port}" for field in ("port", "sport", "dport") for port in PORTS),
    *("port 300-443", "dport >= 1024", "sport <= 1023", "port != 443", "dport 443-65535"),
    *(f"{field} {address}" for field in ("peer", "local") for address in (HERE, THERE, OTHER, HERE6)),
    *(
        "peer 10.0.0.0/24",
        "local 10.0.0.0/8",
        "peer ::/0",
        "peer fd77::/64",
        "peer ::ffff:10.0.0.5",
        "peer 127.0.0.0/8",
    ),
    *("peer 0.0.0.0/0", "peer ::1", "not peer 10.0.0.5"),
    *(f"state {state.name}" for state in TcpState),
    *("dir out", "dir in", "remaining < 300s", "age > 300s"),
]
ENOUGH = 100
LASTS_S = 45
"""For so long the table stays as it is: until its first TIME_WAIT ends."""


def drawn(count: int) -> Iterator[str]:
    """Each term alone, then one to three of them joined, the same ones in each run."""
    yield from TERMS
    chance = random.Random(7)
    for _ in range(count):
        yield " and ".join(chance.sample(TERMS, chance.randint(1, 3)))


@dataclass(frozen=True)
class Shown:
    """What a filter shows of a table, with names that do not depend on what else was read."""

    states: list[int]
    sockets: list[tuple[object, ...]]
    destinations: dict[tuple[object, ...], list[float]]


def shown(analysis: Analysis, view: View) -> Shown:
    sockets, destinations, budgets = analysis.snapshot.sockets, analysis.destinations, analysis.budgets
    chosen = selected(analysis, view)
    number = sockets.addresses.integer
    rows = np.flatnonzero(chosen.shown).tolist()
    named = [
        (number(sockets.local[i]), int(sockets.lport[i]), number(sockets.remote[i]), int(sockets.rport[i]))
        for i in rows
    ]
    figures = [budgets.used, budgets.time_wait, budgets.reusable, budgets.capacity, budgets.probes_per_connect]
    figures += [budgets.max_per_s, budgets.past_cliff.astype(float)]
    found: dict[tuple[object, ...], list[float]] = {}
    for destination in chosen.groups.destination.tolist():
        ends = (
            number(destinations.local[destination]),
            number(destinations.remote[destination]),
            int(destinations.port[destination]),
        )
        found[int(destinations.direction[destination]), *ends] = [
            round(float(np.nan_to_num(each[destination], nan=-1)), 6) for each in figures
        ]
    return Shown(chosen.count.tolist(), sorted(zip(named, sockets.state[rows].tolist(), strict=True)), found)


def selected(analysis: Analysis, view: View) -> AppliedView:
    return apply_view(analysis, view, Owners.unknown(analysis.snapshot.sockets))


@in_namespace
def test_the_kernel_leaves_out_nothing_that_a_filter_shows() -> None:
    sysctl("net.ipv4.ip_local_port_range", "40000 41999")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    for address in (HERE, THERE, OTHER, HERE6):
        add_address(address)
    held: list[object] = [bind(HERE, 40_100), listen(HERE, 40_101), listen(THERE, 41_000)]
    routes = [Route(HERE, THERE, 443), Route(HERE, OTHER, 443), Route(THERE, HERE, 80), Route(HERE6, HERE6, 443)]
    routes += [Route(f"::ffff:{HERE}", f"::ffff:{OTHER}", 300), Route(HERE, OTHER, 50_051), Route(HERE, THERE, 8443)]
    made = peers(*routes)
    for peer in made:
        peer.established(3)
        peer.time_wait(7)
        peer.closed_fin_wait2(2)
    server = Server((OTHER, 8080))
    odd = open_client((OTHER, 8080), HERE)
    held += [made, odd, server.accept(), connect(Server((THERE, 700)), ConnectStats())]
    for family in Family:
        bench = Bench(family)
        held += [bench, list(bench.all_states())]
    whole = wait_until(settled, what="a table that does not change")
    limits, until = whole.snapshot.limits, time.monotonic() + LASTS_S
    compared, refused = 0, 0
    for text in drawn(400):
        query = parse(text)
        request = pushed_down(query, limits)
        if request is None:
            continue
        if time.monotonic() > until:
            pytest.skip(f"this machine is too busy: it compared {compared} filters in {LASTS_S} s")
        part = analyse(decode(read_sample(request=request)))
        assert part.snapshot.part
        if not is_whole(query, part):
            refused += 1
            continue
        compared += 1
        assert shown(part, View(query=query)) == shown(whole, View(query=query)), text
        assert len(part.snapshot.sockets) <= len(whole.snapshot.sockets)
    assert compared > ENOUGH
    assert refused > 0, "no filter had to be refused"


def settled() -> Analysis | None:
    """The whole table if two readings in a row are equal, otherwise None."""
    first, second = (analyse(decode(read_sample())) for _ in range(2))
    return second if shown(first, View()) == shown(second, View()) else None


LIMITS = decode_limits({"sys/net/ipv4/ip_local_port_range": "32768 60999"})


@pytest.mark.parametrize(
    ("text", "pushed"),
    [
        ("port 443", True),
        ("peer 10.0.0.0/8", True),
        ("443 and nginx", True),  # what is left is for the mask
        ("listening", True),
        ("port 40000", False),  # may be the port of a client
        ("dport >= 1024", False),
        ("peer ::/0", False),
        ("established", False),  # a budget counts all states
        ("port 443 or port 80", False),
        ("not port 443", False),
        ("", False),
    ],
)
def test_only_some_filters_are_pushed_down(text: str, pushed: bool) -> None:
    assert (pushed_down(parse(text), LIMITS) is not None) is pushed


def test_without_a_known_range_no_port_is_a_service() -> None:
    unknown = Limits(None, None, None, None, None, None, None, None)
    assert pushed_down(parse("port 443"), unknown) is None


CLIENT, ELSEWHERE = range(20_000, 25_000), range(25_000, 30_000)
LISTENER = sock("10.0.0.1:8080", state="LISTEN")
OF_443 = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=CLIENT)
OF_80 = many("10.0.0.1", "10.0.0.6:80", "TIME_WAIT", lports=ELSEWHERE)
OF_700 = many("10.0.0.1:8080", "10.0.0.9:700")


class Table:
    """A source that leaves out what is not to port 443 when it is asked for a part."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def read(self, request: Request) -> Sample:
        self.asked.append(replace(request, failed_connects=False, extensions=0))
        blocks = [LISTENER, OF_700, OF_443, *([] if request.bytecode else [OF_80])]
        sample = make_sample(*blocks, at=len(self.asked), port_range=(20_000, 60_000))
        return replace(sample, request=request, dump=sample.dump if request.states else None)


def test_a_part_is_read_of_a_large_table() -> None:
    table = Table()
    sampler = Sampler(table, max_cpu=0.001)
    first, another = parse("port 443"), parse("port 80")
    part = sampler.tick(1.0, first)
    assert table.asked[0] == COUNTERS_ONLY
    assert table.asked[1].bytecode
    assert (part.query, len(part.analysis.snapshot.sockets)) == (first, 5002)
    assert part.analysis.memory.here is None
    assert sampler.tick(1.0, another).query == another  # at once, because its sockets were left out
    whole = sampler.tick(1.0)
    assert (whole.query, len(whole.analysis.snapshot.sockets)) == (None, 10_002)


def test_a_small_table_is_read_as_a_whole() -> None:
    table = Table()
    sampler = Sampler(table, max_cpu=1.0)
    for _ in range(3):
        assert sampler.tick(1.0, parse("port 443")).query is None
    assert table.asked == [COUNTERS_ONLY, *[ALL_SOCKETS] * 3]


def test_a_table_is_read_as_a_whole_where_a_part_would_not_show_all() -> None:
    """The port is the client's, and the budget belongs to the service."""
    table = Table()
    sampler = Sampler(table, max_cpu=0.001)
    assert sampler.tick(1.0, parse("dport 700")).query is None
    assert table.asked[1].bytecode
    assert table.asked[2:] == [ALL_SOCKETS]


def test_beside_a_part_the_last_whole_table_answers_other_filters() -> None:
    """It does so until their sockets are read, and with the counters of now."""
    table = Table()
    sampler = Sampler(table, max_cpu=0.001)
    sampler.tick(1.0)
    sampler.tick(1.0)  # from now on a whole dump is known to cost too much
    part = sampler.tick(1.0, parse("port 443"), now=True)
    assert part.query == parse("port 443")
    assert part.answer(parse("port 443")) is part
    whole = part.answer(parse("port 80"))
    assert whole is not None
    assert len(whole.analysis.snapshot.sockets) == 10_002
    assert (whole.analysis.snapshot.mono, whole.analysis.snapshot.age_s) == (part.analysis.snapshot.mono, 1)


def test_after_a_failed_reading_no_filter_gets_the_sockets_of_another() -> None:
    table, failing = Table(), False

    def read(request: Request) -> Sample:
        if failing:
            raise CollectError("the kernel is busy")
        return table.read(request)

    sampler = Sampler(ReadBy(read), max_cpu=1e-5)
    first, another = parse("port 443"), parse("port 80")
    sampler.tick(1.0, first)
    part = sampler.tick(1.0, first, now=True)
    assert part.query == first
    assert part.every_s > 2  # it costs so much that the next ticks read only counters
    failing = True
    with pytest.raises(CollectError):
        sampler.tick(1.0, another)
    failing = False
    table.asked.clear()
    assert sampler.tick(1.0, another).query == another
    assert table.asked != [COUNTERS_ONLY]
