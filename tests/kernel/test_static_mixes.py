"""The judge of capacity: a table of what a namespace can hold, and for each what twtop says is left and what is.

Each mix is made in a namespace of its own. twtop reads it and says how many more connections can be made, a number or a
range. Then connections are made until the kernel refuses. Each question is a line at the end of the run:

    .venv/bin/python -m pytest -q tests/kernel/test_static_mixes.py
"""

import platform
import re
from collections.abc import Callable

import pytest
from _pytest.mark import ParameterSet

from tests.support.in_namespace import run_in_namespace
from tests.support.real_connections import Route
from tests.support.static_mix import (
    REUSE_AT_ONCE_MS,
    Answer,
    Ask,
    Binders,
    Bound,
    Clients,
    FixedPorts,
    Listening,
    Orphans,
    OwnRange,
    Released,
    StaticMix,
    judge,
)

ONE, OTHER = "127.0.0.1", "127.0.0.2"
A = Route(ONE, "127.0.1.1")
A_PORT = Route(ONE, "127.0.1.1", 301)
A_REMOTE = Route(ONE, "127.0.1.2")
B = Route(OTHER, "127.0.1.1")
FAR = Route("10.9.0.1", "10.9.0.2")  # no loopback address, though on lo
V6, V6_PORT = Route("::1", "::1"), Route("::1", "::1", 301)
V6_FAR = Route("fd00::9:1", "fd00::9:2")
MAPPED = Route("::ffff:127.0.0.1", "::ffff:127.0.1.1")
MANY = tuple(Route(ONE, f"127.0.1.{number}") for number in range(1, 11))

EVEN = ",".join(str(port) for port in range(40_000, 40_040, 2))


def each(
    kind: Callable[..., Binders | Clients], routes: tuple[Route, ...], **counts: int | bool
) -> tuple[Binders | Clients, ...]:
    """The same connections to each of these destinations."""
    return tuple(kind(route, **counts) for route in routes)


EXACT = {
    "both kinds to one destination, asked to bind": StaticMix((Clients(A, 6), Binders(A, 9)), (Ask(A, "bind"),)),
    "both kinds to one destination, asked to connect": StaticMix((Clients(A, 6), Binders(A, 9)), (Ask(A),)),
    # connect() alone
    "nothing at all": StaticMix((), (Ask(A),)),
    "established": StaticMix((Clients(A, established=9),), (Ask(A), Ask(A_PORT))),
    "TIME_WAIT": StaticMix((Clients(A, time_wait=9),), (Ask(A), Ask(B))),
    "every state": StaticMix((Clients(A, 3, 4, 2, 2),), (Ask(A), Ask(A_REMOTE))),
    "past the cliff": StaticMix((Clients(A, established=15, time_wait=15),), (Ask(A),)),
    "full of established": StaticMix((Clients(A, established=40),), (Ask(A),)),
    "full of TIME_WAIT": StaticMix((Clients(A, time_wait=40),), (Ask(A),)),
    "four budgets side by side": StaticMix(
        tuple(Clients(route, 3, 5) for route in (A, A_PORT, A_REMOTE, B)), (Ask(A), Ask(A_PORT), Ask(A_REMOTE), Ask(B))
    ),
    "IPv6": StaticMix((Clients(V6, 5, 5),), (Ask(V6), Ask(V6_PORT))),
    "IPv6 that is not loopback": StaticMix((Clients(V6_FAR, 5, 5),), (Ask(V6_FAR),)),
    "mapped IPv6 shares the budget of IPv4": StaticMix((Clients(A, 6), Clients(MAPPED, 0, 7)), (Ask(A), Ask(MAPPED))),
    "an address off loopback": StaticMix((Clients(FAR, 6, 6),), (Ask(FAR),)),
    # the range
    "an odd low end": StaticMix((Clients(A, 8, 8),), (Ask(A),), low=40_001),
    "a range of two": StaticMix((), (Ask(A), Ask(B)), size=2),
    "a range of one": StaticMix((), (Ask(A), Ask(B)), size=1),
    "the top of all ports": StaticMix((Clients(A, 3, 3),), (Ask(A),), low=65_500, size=36),
    "reserved ports": StaticMix((Clients(A, 5, 5),), (Ask(A), Ask(B)), reserved="40003,40010-40019"),
    "one parity reserved": StaticMix((Clients(A, 5, 5),), (Ask(A),), reserved=EVEN),
    "all reserved but one": StaticMix((), (Ask(A),), reserved="40000-40038"),
    # what is bound
    "listeners on other addresses": StaticMix(
        (Listening("127.0.0.9", 3), Listening("10.9.0.2", 4), Clients(A, 5, 5)), (Ask(A), Ask(B))
    ),
    "listeners of IPv6 close ports of IPv4": StaticMix((Listening("::1", 3), Clients(A, 5, 5)), (Ask(A),)),
    "bound sockets on other addresses": StaticMix(
        (Bound("127.0.0.9", 3), Bound("::1", 4), Clients(A, 5, 5)), (Ask(A), Ask(V6))
    ),
    "bound beside what connect() had chosen": StaticMix(
        (Clients(A, 10), *(Bound("127.0.0.9", port, late=True) for port in range(12))), (Ask(A), Ask(B))
    ),
    "a listener beside what connect() had chosen": StaticMix(
        (Clients(A, 10), *(Listening("127.0.0.9", port, late=True) for port in range(0, 12, 2))), (Ask(A), Ask(B))
    ),
    # tcp_tw_reuse
    "reuse for everybody": StaticMix((Clients(FAR, 5, 9),), (Ask(FAR),), tw_reuse=1, reuse_delay_ms=REUSE_AT_ONCE_MS),
    "reuse on loopback": StaticMix((Clients(A, 5, 9),), (Ask(A),), tw_reuse=2, reuse_delay_ms=REUSE_AT_ONCE_MS),
    "reuse on loopback alone": StaticMix(
        (Clients(FAR, 5, 9),), (Ask(FAR),), tw_reuse=2, reuse_delay_ms=REUSE_AT_ONCE_MS
    ),
    "reuse of IPv6": StaticMix((Clients(V6, 5, 9),), (Ask(V6),), tw_reuse=2, reuse_delay_ms=REUSE_AT_ONCE_MS),
    "too young to be reused": StaticMix((Clients(FAR, 5, 9),), (Ask(FAR),), tw_reuse=1),
    "no reuse without timestamps": StaticMix(
        (Clients(FAR, 5, 9),), (Ask(FAR),), tw_reuse=1, reuse_delay_ms=REUSE_AT_ONCE_MS, timestamps=0
    ),
    "no reuse of a closed FIN_WAIT2": StaticMix(
        (Clients(FAR, 2, 4, 5),), (Ask(FAR),), tw_reuse=1, reuse_delay_ms=REUSE_AT_ONCE_MS
    ),
    # clients that bind first
    "bind-first: other addresses lose its ports": StaticMix((Binders(A, established=12),), (Ask(B),)),
    "bind-first in TIME_WAIT: others lose its ports": StaticMix((Binders(A, time_wait=12),), (Ask(B),)),
    "bind-first of IPv6: IPv4 loses its ports": StaticMix((Binders(V6, established=12),), (Ask(A), Ask(V6, "bind"))),
    "bind-first of mapped IPv6": StaticMix((Binders(MAPPED, established=12),), (Ask(B), Ask(A, "bind"))),
    "bind-first off loopback": StaticMix((Binders(FAR, 6, 6),), (Ask(A), Ask(FAR, "bind"))),
    "bind-first to one destination": StaticMix((Binders(A, 6, 6),), (Ask(A, "bind"),)),
    "bind-first to one destination, half full": StaticMix((Binders(A, 10, 10),), (Ask(A, "bind"),)),
    "bind-first to one destination, nearly full": StaticMix((Binders(A, 18, 18),), (Ask(A, "bind"),)),
    "bind-first to one destination, full": StaticMix((Binders(A, 20, 20),), (Ask(A, "bind"),)),
    "bind-first to ten destinations": StaticMix(each(Binders, MANY, established=1), (Ask(MANY[3], "bind"),)),
    "bind-first to ten destinations, nearly full": StaticMix(
        each(Binders, MANY, established=2, time_wait=1), (Ask(MANY[3], "bind"),)
    ),
    "bind-first to ten destinations, full": StaticMix(
        each(Binders, MANY, established=2, time_wait=2), (Ask(MANY[3], "bind"),)
    ),
    "bind-first to two, one has most": StaticMix((Binders(A, 14), Binders(A_REMOTE, 3)), (Ask(A_REMOTE, "bind"),)),
    "bind-first: reuse is worthless": StaticMix(
        (Binders(FAR, 2, 14),), (Ask(FAR, "bind"),), tw_reuse=1, reuse_delay_ms=REUSE_AT_ONCE_MS
    ),
    "bind-first with SO_REUSEADDR": StaticMix((Binders(A, 8, reuse_address=True),), (Ask(A, "bind"), Ask(B))),
    "bind-first with SO_REUSEADDR, half full": StaticMix((Binders(A, 18, reuse_address=True),), (Ask(A, "bind"),)),
    "bind-first to ten destinations with SO_REUSEADDR": StaticMix(
        each(Binders, MANY, established=8, reuse_address=True), (Ask(MANY[3], "bind"), Ask(MANY[9], "bind")), size=160
    ),
    "bind-first with SO_REUSEADDR, nearly full": StaticMix((Binders(A, 37, reuse_address=True),), (Ask(A, "bind"),)),
    "bind-first with reserved ports": StaticMix((Binders(A, 12),), (Ask(A, "bind"),), reserved="40001-40006"),
    "bind-first beside listeners of its own address": StaticMix(
        (Listening(ONE, 4), Bound(ONE, 5), Binders(A, 12)), (Ask(A, "bind"),)
    ),
    "bind-first in a range with an odd low end": StaticMix((Binders(A, 12),), (Ask(B), Ask(A, "bind")), low=40_001),
    "bind-first in a range of an odd size": StaticMix((Binders(A, 12),), (Ask(A, "bind"),), size=41),
    "bind-first from two addresses": StaticMix(
        (Binders(A, 9), Binders(Route(OTHER, "127.0.1.2"), 9)), (Ask(FAR),), size=80
    ),
    # both on one address
    "connect() beside bind-first, each to its own": StaticMix(
        (Clients(A, 5, 5), Binders(A_REMOTE, 5, 5)), (Ask(A), Ask(A_REMOTE, "bind"))
    ),
    "bind-first beside connect(), asked the other way": StaticMix(
        (Clients(A, 5, 5), Binders(A_REMOTE, 5, 5)), (Ask(A_REMOTE, "bind"), Ask(A))
    ),
    "connect() to others beside bind-first to ten": StaticMix(
        (Clients(A_PORT, 9), *each(Binders, MANY, established=1)),
        (Ask(A_PORT), Ask(Route(OTHER, "127.0.1.9"))),
        size=80,
    ),
    "connect() beside bind-first from another address": StaticMix((Clients(B, 10), Binders(A, 10)), (Ask(B),), size=80),
    "two destinations full, seen from another": StaticMix(
        (Clients(A, 40), Clients(A_PORT, 40)), (Ask(A_REMOTE), Ask(B))
    ),
}
"""What twtop says is one number, and it is right."""

SINCE_6_18 = {
    "bound beside what connect() had chosen, and released": StaticMix(
        (Clients(A, 20), Released("127.0.0.9", tuple(range(0, 40, 2)))), (Ask(A), Ask(B))
    ),
}
"""The same since “tcp: Update bind bucket state on port release”: a port that connect() alone holds is open again."""

if tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 18):
    EXACT |= SINCE_6_18

RANGE = {
    "reuse of a full range": StaticMix(
        (Clients(FAR, 3, 15),), (Ask(FAR),), size=18, tw_reuse=1, reuse_delay_ms=REUSE_AT_ONCE_MS
    ),
    "one parity reserved, seen from another address": StaticMix((Clients(A, 5, 5),), (Ask(B),), reserved=EVEN),
    "an odd size": StaticMix((Clients(A, 8, 8),), (Ask(A), Ask(B)), size=41),
    "accepted on one port, listener gone": StaticMix((Orphans("127.0.0.9", (5,) * 8), Clients(A, 4)), (Ask(A), Ask(B))),
    "accepted on many ports, listeners gone": StaticMix(
        (Orphans("127.0.0.9", (4, 5, 9, 14, 15, 20)), Clients(A, 4)), (Ask(A), Ask(B))
    ),
    "accepted and closed, listeners gone": StaticMix(
        (Orphans("127.0.0.9", (4, 5, 9, 14, 15, 20), closed=True), Clients(A, 4)), (Ask(A), Ask(B))
    ),
    "few that bind first": StaticMix((Binders(A, 3),), (Ask(B),)),
    "both kinds to one destination": StaticMix((Clients(A, 6), Binders(A, 5)), (Ask(B),)),
    "a full range and reuse: bind() or connect()?": StaticMix(
        (Binders(FAR, 0, 40),), (Ask(FAR, "bind"),), tw_reuse=1, reuse_delay_ms=REUSE_AT_ONCE_MS
    ),
    "bind-first past half: others lose as much": StaticMix((Binders(A, 15, 15),), (Ask(B),)),
    "bind-first with SO_REUSEADDR: others lose as much": StaticMix((Binders(A, 18, reuse_address=True),), (Ask(B),)),
    "bind-first of the wildcard address": StaticMix((Clients(B, 6), Binders(A, 10, wildcard=True)), (Ask(A, "bind"),)),
    "bind-first beside connect() from another address": StaticMix((Clients(B, 10), Binders(A, 10)), (Ask(A, "bind"),)),
    "bind-first of the wildcard address beside accepted ones": StaticMix(
        (Orphans("127.0.0.8", tuple(range(1, 13, 2))), Clients(A, 4), Binders(A, 22, wildcard=True)), (Ask(B),)
    ),
    "an own range (IP_LOCAL_PORT_RANGE)": StaticMix((OwnRange(A, 10, 29, 12),), (Ask(B),)),
    "fixed ports": StaticMix((FixedPorts(A, (3, 7, 9)),), (Ask(B),)),
    "one destination full, seen from another": StaticMix((Clients(A, time_wait=40),), (Ask(A_REMOTE), Ask(B))),
    "one destination past the cliff, seen from another": StaticMix((Clients(A, 30),), (Ask(A_REMOTE),)),
}
"""What twtop says is a range, for the table does not show how some ports were chosen. The truth lies in it."""

AT_MOST = {
    "fixed ports of the parity that connect() prefers": StaticMix((FixedPorts(A, (2, 4, 6)),), (Ask(B),)),
    "fixed ports in TIME_WAIT": StaticMix((FixedPorts(A, (2, 4, 6), time_wait=True),), (Ask(B),)),
}
"""Nothing in the table tells these ports from those that connect() chose: what twtop says is an upper bound."""


Note = Callable[[str, object], None]


def questions(table: dict[str, StaticMix]) -> list[ParameterSet]:
    """A parameter for each question of a table."""
    return [
        pytest.param(mix, ask, id=f"{name}: {ask}" if len(mix.asks) > 1 else name)
        for name, mix in table.items()
        for ask in mix.asks
    ]


def answered(mix: StaticMix, ask: Ask, request: pytest.FixtureRequest, note: Note) -> Answer:
    """The answer, and a line about it at the end of the run."""
    answer = run_in_namespace(lambda: judge(mix, ask))
    note("judged", f"{request.node.callspec.id} · {answer}")
    return answer


@pytest.mark.parametrize(("mix", "ask"), questions(EXACT))
def test_twtop_says_what_the_kernel_does(
    mix: StaticMix, ask: Ask, request: pytest.FixtureRequest, record_property: Note
) -> None:
    answer = answered(mix, ask, request, record_property)
    assert answer.said.at_least == answer.did == answer.said.at_most


@pytest.mark.parametrize(("mix", "ask"), questions(RANGE))
def test_what_nobody_can_see_is_a_range_with_the_truth_in_it(
    mix: StaticMix, ask: Ask, request: pytest.FixtureRequest, record_property: Note
) -> None:
    answer = answered(mix, ask, request, record_property)
    assert answer.said.at_least <= answer.did <= answer.said.at_most
    assert answer.said.at_least < answer.said.at_most


@pytest.mark.parametrize(("mix", "ask"), questions(AT_MOST))
def test_what_leaves_no_trace_is_an_upper_bound(
    mix: StaticMix, ask: Ask, request: pytest.FixtureRequest, record_property: Note
) -> None:
    answer = answered(mix, ask, request, record_property)
    assert answer.did < answer.said.at_most
