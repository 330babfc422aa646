"""Closed FIN_WAIT2: timewait objects that hold a port until their timer ends them, and that nothing takes over."""

import time
from dataclasses import dataclass

import numpy as np
import pytest

from tests.support.in_namespace import run_in_namespace, sysctl, wait_until
from tests.support.port_reading import PortReading
from tests.support.real_connections import Peer, Route, peers, read

LOW, SIZE = 40_000, 20
ROUTE = Route("127.0.0.1", "127.0.1.1")


def full_of_closed_fin_wait2(fin_timeout_s: int, tw_reuse: int) -> Peer:
    sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + SIZE - 1}")
    sysctl("net.ipv4.tcp_fin_timeout", fin_timeout_s)
    sysctl("net.ipv4.tcp_tw_reuse", tw_reuse)
    (peer,) = peers(ROUTE)
    peer.closed_fin_wait2(SIZE)
    return peer


@dataclass(frozen=True, slots=True)
class Said:
    """What twtop says of the budget."""

    left: float
    live: float
    full_in_s: float
    max_per_s: float
    new_per_s: float
    next_free_s: float
    first_timer_s: float


def said_of(reading: PortReading) -> Said:
    number, budgets, sockets = reading.find(ROUTE.ends), reading.budgets, reading.reading.snapshot.sockets
    assert number is not None
    mine = reading.reading.destinations.code == number
    return Said(
        left=reading.left(ROUTE.ends),
        live=float(budgets.used[number] - budgets.ending[number]),
        full_in_s=float(budgets.full_in_s[number]),
        max_per_s=float(budgets.max_per_s[number]),
        new_per_s=float(budgets.new_per_s[number]),
        next_free_s=float(budgets.next_free_s[number]),
        first_timer_s=float(sockets.timer_ms[mine].min()) / 1000,
    )


@pytest.mark.parametrize("tw_reuse", [0, 1])
def test_a_budget_full_of_closed_fin_wait2_is_free_when_their_timers_say(tw_reuse: int) -> None:
    def body() -> tuple[Said, int, float, float, int]:
        peer = full_of_closed_fin_wait2(4, tw_reuse)
        said, read_at = said_of(read()), time.monotonic()
        at_once = peer.fill()
        wait_until(peer.fill_one, what="a port that comes back")
        came_back_s = time.monotonic() - read_at
        wait_until(lambda: left_beside(peer) == SIZE, what="all closed FIN_WAIT2 to end")
        return said, at_once, came_back_s, left_beside(peer), len(peer.clients) + peer.fill()

    said, at_once, came_back_s, left, all_at_last = run_in_namespace(body)
    assert (said.left, at_once, said.full_in_s) == (0, 0, 0)
    assert said.first_timer_s - 0.1 <= came_back_s
    assert said.first_timer_s < said.next_free_s <= said.first_timer_s + 2.1
    assert (left, all_at_last) == (SIZE, SIZE)


def left_beside(peer: Peer) -> float:
    """The ports that twtop says connect() can have, those of the open clients included."""
    return read().left(ROUTE.ends) + len(peer.clients)


def test_closed_fin_wait2_are_not_live_and_count_as_asked_for() -> None:
    """They were opened within the last seconds. None is open, so the budget bears what an empty one does."""
    said = run_in_namespace(lambda: opened(60))
    assert said.live == 0
    assert np.isclose(said.max_per_s, SIZE / 62.048)
    assert said.new_per_s >= SIZE / 10


def test_closed_fin_wait2_of_a_short_timeout_count_too() -> None:
    assert run_in_namespace(lambda: opened(15)).new_per_s >= SIZE / 10


def opened(fin_timeout_s: int) -> Said:
    _held = full_of_closed_fin_wait2(fin_timeout_s, 0)
    return said_of(read())
