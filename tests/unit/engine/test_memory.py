"""Memory that is kept for peers is freed some time after they are gone."""

import gc
import sys

import numpy as np
import pytest

from tests.support.sock_diag_dump import make_sample, many
from twtop.engine.pipeline import Pipeline
from twtop.filter.parser import parse
from twtop.frame.view import View
from twtop.processes.inode_map import NOBODY
from twtop.sources.probe import Request, Sample

COME_AND_GO, STAY_TICKS, APART_S = 200, 8, 8
"""How many peers come with each tick, for how many ticks they stay, and seconds between two ticks."""

PORTS = 20_000
SETTLED, TICKS = 250, 350
"""Both with the same ports, as these come again after 100 ticks. By the first one every ring of ticks is full."""

LEAST = 4
"""Bytes of each peer that has gone. One number for each in any array or table takes 8."""


class PassingPeers:
    """A source whose peers are replaced every few ticks."""

    def __init__(self) -> None:
        self._tick = 0

    def read(self, request: Request) -> Sample:  # noqa: ARG002
        self._tick += 1
        first = self._tick * COME_AND_GO
        numbers = np.arange(first, first + COME_AND_GO * STAY_TICKS)
        waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=20_000 + numbers % PORTS, remaining=30.0)
        waiting["remote"] = [np.void(b"\x0a" + number.to_bytes(3) + bytes(12)) for number in numbers.tolist()]
        return make_sample(waiting, at=self._tick * APART_S)


def held_bytes() -> int:
    """What all objects of this process take, garbage left out: those that can refer to others, and what these hold."""
    gc.collect()
    found = {id(each): each for each in gc.get_objects()}
    for each in gc.get_referents(*found.values()):
        while each is not None and id(each) not in found:
            found[id(each)] = each
            each = each.base if isinstance(each, np.ndarray) else None
    return sum(map(sys.getsizeof, found.values()))


@pytest.mark.slow
def test_memory_stays_flat_while_peers_come_and_go() -> None:
    pipeline = Pipeline(PassingPeers, max_cpu=1.0)
    views = View(), View(query=parse("port 443"))
    held = {}
    for tick in range(1, TICKS + 1):
        pipeline.build(pipeline.read(1.0), views[tick % 2], NOBODY)
        if tick in (SETTLED, TICKS):
            held[tick] = held_bytes()
    assert held[TICKS] - held[SETTLED] < LEAST * COME_AND_GO * (TICKS - SETTLED)
