"""The cliff: connect() becomes slow when the ports of the first parity are used up, and twtop says when that is."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
import pytest

from tests.support.in_namespace import run_in_namespace, sysctl
from twtop.demo.load import ConnectStats, Server, client_closes, connect
from twtop.engine.pipeline import Pipeline
from twtop.frame.view import View
from twtop.model import Direction
from twtop.sources.open_source import open_local

LOW, SIZE = 40_000, 8192
HALF = SIZE // 2
TIMES_SLOWER = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """What twtop says when `used` ports are in use."""

    used: int
    past_cliff: bool
    probes: float


@dataclass(frozen=True, slots=True)
class Run:
    """A range that fills up: nanoseconds of each connect(), the port of each, and what twtop said on the way."""

    took: list[int]
    ports: list[int]
    claims: list[Claim]


@pytest.fixture(scope="module")
def run() -> Run:
    return run_in_namespace(fill_the_range)


def fill_the_range() -> Run:
    """Leave every connection in TIME_WAIT, where it holds its port and no descriptor."""
    sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + SIZE - 1}")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    server, stats = Server(("127.0.1.1", 443)), ConnectStats()
    took, ports, claims = [], [], []
    for used in range(SIZE):
        if used in (HALF // 2, HALF - 1, HALF, HALF + HALF // 2):
            claims.append(claim(used))
        start = time.perf_counter_ns()
        pair = connect(server, stats)
        took.append(time.perf_counter_ns() - start)
        ports.append(pair[0].getsockname()[1])
        client_closes(pair)
    claims.append(claim(SIZE))
    return Run(took, ports, claims)


def claim(used: int) -> Claim:
    pipeline = Pipeline(open_local)
    groups = pipeline.build(pipeline.read(1.0), View()).groups
    (destination,) = np.flatnonzero(groups.destinations.direction == Direction.OUTBOUND)
    assert groups.budgets.used[destination] == used
    return Claim(
        used,
        bool(groups.budgets.past_cliff[destination]),
        float(groups.budgets.probes_per_connect[destination]),
    )


def test_connect_fills_one_parity_before_the_other(run: Run) -> None:
    assert {port % 2 for port in run.ports[:HALF]} == {LOW % 2}
    assert {port % 2 for port in run.ports[HALF:]} == {1 - LOW % 2}


def test_the_cliff_is_where_twtop_says(run: Run) -> None:
    assert [(each.used, each.past_cliff) for each in run.claims] == [
        (HALF // 2, False),
        (HALF - 1, False),
        (HALF, True),
        (HALF + HALF // 2, True),
        (SIZE, True),
    ]


def test_the_probes_grow_as_the_range_fills(run: Run) -> None:
    probes = [each.probes for each in run.claims]
    assert probes[0] == pytest.approx(2, rel=0.01)  # every other port of the parity is free
    assert probes[2] == pytest.approx(HALF + 1, abs=1)  # all of one parity, then the first of the other
    assert probes[-1] > probes[3] > probes[2]


def test_past_the_cliff_connect_is_many_times_slower(run: Run) -> None:
    before, after = statistics.median(run.took[:HALF]), statistics.median(run.took[HALF:])
    assert after > TIMES_SLOWER * before


def test_before_the_cliff_connect_is_not_much_slower(run: Run) -> None:
    early, late = statistics.median(run.took[: HALF // 2]), statistics.median(run.took[HALF // 2 : HALF])
    assert late < TIMES_SLOWER * early
