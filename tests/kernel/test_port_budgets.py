"""What twtop says is left is what the kernel gives, in mixes that are drawn from all parts together."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.in_namespace import run_in_namespace
from tests.support.real_connections import Route, read
from tests.support.static_mix import (
    LOW,
    REUSE_AT_ONCE_MS,
    REUSE_LATE_MS,
    Ask,
    Binders,
    Bound,
    Clients,
    FixedPorts,
    Listening,
    Orphans,
    OwnRange,
    Part,
    StaticMix,
    build,
    judge,
    open_ports,
)
from twtop.dump.ephemeral_ports import EphemeralPorts

ROUTES = [
    Route("127.0.0.1", "127.0.1.1"),
    Route("127.0.0.2", "127.0.1.1"),
    Route("127.0.0.1", "127.0.1.1", 301),
    Route("127.0.0.1", "127.0.1.2"),
    Route("10.9.0.1", "10.9.0.2"),  # no loopback addresses, though on lo
    Route("fd00::9:1", "fd00::9:2"),
    Route("::1", "::1"),
    Route("::1", "::1", 301),
    Route("::ffff:127.0.0.1", "::ffff:127.0.1.1"),
    Route("::ffff:127.0.0.2", "::ffff:127.0.1.2"),
]
WITHOUT_SOURCE = [route for route in ROUTES if route.local in ("127.0.0.1", "::1")]
"""Where a client that binds the wildcard address gets the same local address."""

BYSTANDERS = ["127.0.0.9", "::1", "10.9.0.2"]

few, some = st.integers(0, 5), st.integers(0, 12)
routes = st.sampled_from(ROUTES)


@st.composite
def mixes(draw: st.DrawFn) -> StaticMix:
    size = draw(st.integers(24, 50))
    low, port = draw(st.sampled_from([LOW, LOW + 1])), st.integers(0, size - 1)
    by_itself = Route("127.0.0.3", "127.0.1.1")
    held = st.sampled_from(BYSTANDERS), port, st.booleans()
    first = draw(st.integers(0, size - 13))
    kinds: list[tuple[st.SearchStrategy[Part], int]] = [
        (st.builds(Listening, *held), 3),
        (st.builds(Bound, *held), 3),
        (st.builds(Clients, routes, few, few, st.integers(0, 1), st.integers(0, 1)), 3),
        (st.builds(Binders, routes, some, some, reuse_address=st.booleans()), 2),
        (st.builds(Binders, st.sampled_from(WITHOUT_SOURCE), some, some, st.just(True)), 1),
        (st.builds(Orphans, st.sampled_from(["127.0.0.8", "127.0.0.1"]), st.tuples(port), st.booleans()), 3),
        (st.builds(FixedPorts, routes, st.tuples(port), st.booleans()), 1),
        (st.builds(OwnRange, st.just(by_itself), st.just(first), st.just(first + 12), few), 1),
    ]
    parts = [part for kind, most in kinds for part in draw(st.lists(kind, max_size=most))]
    bind = {part.route.ends for part in parts if isinstance(part, Binders)}
    return StaticMix(
        parts=tuple(draw(st.permutations(parts))),
        asks=(draw(st.sampled_from([Ask(route, "bind" if route.ends in bind else "connect") for route in ROUTES])),),
        low=low,
        size=size,
        reserved=",".join(str(low + each) for each in sorted(draw(st.frozensets(port, max_size=4)))),
        tw_reuse=draw(st.sampled_from([0, 1, 2])),
        reuse_delay_ms=draw(st.sampled_from([REUSE_AT_ONCE_MS, REUSE_LATE_MS])),
        timestamps=draw(st.sampled_from([1, 1, 0])),
        is_drawn=True,
    )


@settings(max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(mixes())
def test_what_is_said_to_be_left_is_what_the_kernel_gives(mix: StaticMix) -> None:
    (ask,) = mix.asks
    answer = run_in_namespace(lambda: judge(mix, ask))
    if not answer.is_known and ask.how == "bind":  # its client found no port
        return
    assert answer.did <= answer.said.at_most, f"{ask}: {answer}"
    if not any(isinstance(part, FixedPorts) for part in mix.parts):  # nothing tells their ports from others
        assert answer.said.at_least <= answer.did, f"{ask}: {answer}"


FRESH = Route("127.0.0.77", "127.0.1.9")
"""Nobody else connects there."""


@settings(max_examples=30, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(mixes().filter(lambda mix: not any(isinstance(part, FixedPorts) for part in mix.parts)))
def test_each_port_is_as_open_as_is_said(mix: StaticMix) -> None:
    """Of a port that is said to be unclear either may be true."""
    said, found = run_in_namespace(lambda: ports_said_and_found(mix))
    certain, possible = (set(mask.nonzero()[0].tolist()) for mask in (said.available & ~said.unclear, said.available))
    assert certain <= found <= possible


def ports_said_and_found(mix: StaticMix) -> tuple[EphemeralPorts, set[int]]:
    _held = build(mix, FRESH)
    said = read().ports
    return said, open_ports(mix, FRESH)
