"""What twtop says is left of a port budget is what connect() then gets from the kernel."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.in_namespace import add_address, run_in_namespace, sysctl, wait_until
from tests.support.port_reading import PortReading
from tests.support.real_connections import Peer, Route, bind, listen, peers, read

LONG_MS = 60_000
IPV4 = [Route("127.0.0.1", "127.0.1.1"), Route("127.0.0.2", "127.0.1.1"), Route("127.0.0.1", "127.0.1.1", 301)]
OUTSIDE = [Route("10.9.0.1", "10.9.0.2"), Route("fd00::9:1", "fd00::9:2")]  # no loopback address, though on lo
IPV6 = [Route("::1", "::1"), Route("::1", "::1", 301)]
MAPPED = [Route("::ffff:127.0.0.1", "::ffff:127.0.1.1"), Route("::ffff:127.0.0.2", "::ffff:127.0.1.2")]
ROUTES = IPV4 + OUTSIDE + IPV6 + MAPPED
BYSTANDERS = ["127.0.0.9", "::1", "10.9.0.2"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Connections of one destination by the state in which their client's end stays."""

    route: Route
    established: int
    time_wait: int
    closed_fin_wait2: int
    close_wait: int


@dataclass(frozen=True, slots=True)
class Mix:
    """How a namespace is set up. Ports are counted from the low end of the range."""

    low: int
    size: int
    reserved: frozenset[int]
    listening: tuple[tuple[str, int], ...]
    bound: tuple[tuple[str, int], ...]
    bound_late: bool
    traffic: tuple[Traffic, ...]
    tw_reuse: int
    reuse_delay_ms: int
    timestamps: int


@st.composite
def mixes(draw: st.DrawFn) -> Mix:
    size = draw(st.integers(24, 50))
    port = st.integers(0, size - 1)
    held = st.lists(st.tuples(st.sampled_from(BYSTANDERS), port), max_size=3, unique_by=lambda end: end[1])
    few = st.integers(0, 5)
    traffic = st.builds(Traffic, st.sampled_from(ROUTES), few, few, st.integers(0, 1), st.integers(0, 1))
    return Mix(
        low=draw(st.sampled_from([40_000, 40_001])),
        size=size,
        reserved=draw(st.frozensets(port, max_size=4)),
        listening=tuple(draw(held)),
        bound=tuple(draw(held)),
        bound_late=draw(st.booleans()),
        traffic=tuple(draw(st.lists(traffic, min_size=1, max_size=3, unique_by=lambda each: each.route))),
        tw_reuse=draw(st.sampled_from([0, 1, 2])),
        reuse_delay_ms=draw(st.sampled_from([1, LONG_MS])),
        timestamps=draw(st.sampled_from([1, 1, 0])),
    )


@settings(max_examples=40, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(mixes())
def test_what_is_left_of_a_budget_is_what_connect_gets(mix: Mix) -> None:
    run_in_namespace(lambda: judge(mix))


def judge(mix: Mix) -> None:
    """In an odd range connect() may fail with one port left: the low end or the high end."""
    ready, _held = set_up(mix)
    for each in ready:
        reading = read()
        said, got = reading.left(each.route.ends), each.fill()
        assert said - reading.ports.skipped_ports <= got <= said, (
            f"{each.route}: {got} connections, twtop said {said:g}"
        )
        if got < said:
            after = read()
            assert free_ports(after, each.route) <= {mix.low, mix.low + mix.size - 1}


def free_ports(reading: PortReading, route: Route) -> set[int]:
    sockets, destination = reading.reading.snapshot.sockets, reading.find(route.ends)
    used = set(sockets.lport[reading.reading.destinations.code == destination].tolist())
    return set(reading.ports.available.nonzero()[0].tolist()) - used


def set_up(mix: Mix) -> tuple[list[Peer], object]:
    for address in ("10.9.0.1", "10.9.0.2", "fd00::9:1", "fd00::9:2"):
        if any(address in (each.route.local, each.route.remote) for each in mix.traffic) or address == "10.9.0.2":
            add_address(address)
    prepare(mix.low, mix.low + mix.size - 1, mix.tw_reuse, mix.timestamps)
    sysctl("net.ipv4.ip_local_reserved_ports", ",".join(str(mix.low + port) for port in mix.reserved))
    delay = set_reuse_delay(mix.reuse_delay_ms)
    held: list[object] = []
    if not mix.bound_late:
        held += hold(mix)
    ready = peers(*(each.route for each in mix.traffic))
    for each, traffic in zip(ready, mix.traffic, strict=True):
        each.time_wait(traffic.time_wait)
        each.established(traffic.established)
        each.closed_fin_wait2(traffic.closed_fin_wait2)
        each.close_wait(traffic.close_wait)
    if mix.bound_late:
        held += hold(mix)
    if delay < LONG_MS:
        wait_until(lambda: (age := youngest_ms()) is None or age > delay, what="TIME_WAIT that are old enough")
    return ready, held


def hold(mix: Mix) -> Iterable[object]:
    """Listen on and bind these ports. A port that connect() has chosen on the same address cannot be bound."""
    for make, ends in ((listen, mix.listening), (bind, mix.bound)):
        for address, port in ends:
            try:
                yield make(address, mix.low + port)
            except OSError:
                continue


def prepare(low: int, high: int, tw_reuse: int = 0, timestamps: int = 1) -> None:
    sysctl("net.ipv4.ip_local_port_range", f"{low} {high}")
    sysctl("net.ipv4.tcp_tw_reuse", tw_reuse)
    sysctl("net.ipv4.tcp_timestamps", timestamps)


def set_reuse_delay(delay_ms: int) -> int:
    """The delay in force afterwards. Kernels before 6.15 cannot change it; then no TIME_WAIT is waited for."""
    if not Path("/proc/sys/net/ipv4/tcp_tw_reuse_delay").exists():
        return LONG_MS
    sysctl("net.ipv4.tcp_tw_reuse_delay", delay_ms)
    return delay_ms


def youngest_ms() -> int | None:
    sockets = read().reading.snapshot.sockets
    ages = sockets.age_ms[sockets.is_time_wait]
    return int(ages.min()) if len(ages) else None
