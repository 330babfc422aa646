"""Memory that is kept for peers is freed some time after they are gone."""

import gc
import tracemalloc

import numpy as np
import pytest

from tests.support.sock_diag_dump import make_sample, many
from twtop.engine.pipeline import Pipeline
from twtop.filter.parser import parse
from twtop.frame.view import View
from twtop.processes.inode_map import NOBODY
from twtop.sources.probe import Request, Sample

TICKS, COME_AND_GO, STAY_TICKS = 2000, 25, 8
"""How many peers come with each tick, and for how many ticks they stay. There are 50,000 in all."""

SETTLED = 1000
GROWTH = 1.05


class PassingPeers:
    """A source whose peers are replaced every few ticks."""

    def __init__(self) -> None:
        self._tick = 0

    def read(self, request: Request) -> Sample:  # noqa: ARG002
        self._tick += 1
        first = self._tick * COME_AND_GO
        numbers = np.arange(first, first + COME_AND_GO * STAY_TICKS)
        waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=20_000 + numbers % 30_000, remaining=30.0)
        waiting["remote"] = [np.void(b"\x0a" + number.to_bytes(3) + bytes(12)) for number in numbers.tolist()]
        return make_sample(waiting, at=self._tick)


@pytest.mark.slow
def test_memory_stays_flat_while_peers_come_and_go() -> None:
    pipeline = Pipeline(PassingPeers, max_cpu=1.0)
    views = View(), View(query=parse("port 443"))
    held = {}
    tracemalloc.start(1)
    try:
        for tick in range(1, TICKS + 1):
            pipeline.build(pipeline.read(1.0), views[tick % 2], NOBODY)
            if tick in (SETTLED, TICKS):
                gc.collect()
                held[tick] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held[TICKS] < held[SETTLED] * GROWTH
