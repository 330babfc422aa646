"""What the monitor holds is the same after any number of readings, whatever comes and goes in them."""

import gc
from collections import Counter

import numpy as np

from tests.support.in_namespace import wait_until
from tests.support.monitor_pilot import monitor
from tests.support.sock_diag_dump import make_sample, many
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Process
from twtop.sources.probe import Request, Sample
from twtop.sources.source import Source

COME_AND_GO, STAY_TICKS, APART_S = 10, 8, 10
"""How many peers and processes come with each tick, for how many ticks they stay, and seconds between two ticks."""

SETTLED, LATER = 30, 110
"""Ticks. By the first one all that is kept for a span of time has been kept for longer."""

FRAMES = 3
"""That may be held: on the screen, on its way there, and being built."""


class PassingPeers:
    """A source of which each reading has other peers, ports, inodes and processes."""

    reads = 0

    def __call__(self) -> Source:
        return self

    def read(self, _: Request) -> Sample:
        self.reads += 1
        numbers = np.arange(self.reads * COME_AND_GO, (self.reads + STAY_TICKS) * COME_AND_GO)
        waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=20_000 + numbers % 30_000, remaining=30.0)
        held = many("10.0.0.1", "10.0.0.5:80", lports=20_000 + numbers % 30_000, inode=numbers)
        for block in (waiting, held):
            block["remote"] = [np.void(b"\x0a" + number.to_bytes(3) + bytes(12)) for number in numbers.tolist()]
        return make_sample(waiting, held, at=self.reads * APART_S)


def held() -> Counter[str]:
    """Type → how many objects of it there are that can be part of a ring of references, the garbage left out."""
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


async def test_nothing_is_kept_for_each_reading_or_of_what_came_and_went() -> None:
    """Caches of fixed size may still fill, so a few objects more prove nothing."""
    owners = {inode: Process(inode, f"worker-{inode}") for inode in range(2 * LATER * COME_AND_GO)}
    counts = {}
    view = View(group_by=GroupBy.PROCESS)
    async with monitor(open_source=PassingPeers(), view=view, owners=owners, size=(80, 24)) as stage:
        await stage.press("down", "enter")
        for tick in range(LATER):
            if tick in (SETTLED, LATER - 1):
                counts[tick] = held()
            await stage.tick()
    grown = counts[LATER - 1] - counts[SETTLED]
    assert max(grown.values(), default=0) < (LATER - SETTLED) / 2, grown.most_common(9)


async def test_one_frame_waits_for_a_screen_that_is_busy() -> None:
    source = PassingPeers()
    async with monitor(open_source=source) as stage:
        before = held()[Frame.__qualname__]
        for _ in range(20):  # the screen does nothing in between
            read = source.reads
            stage.monitor.action_refresh()
            wait_until(lambda read=read: source.reads > read, what="the next reading")
        assert held()[Frame.__qualname__] - before <= FRAMES
