"""The pictures in screenshots/: `python -m tests.screenshots` draws them anew, the same bytes each time.

The scene is a load of some minutes: one destination fills, a server's pile stands beside it.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.frames import frames
from tests.sockdiag import Block, make_sample, many, sock
from tests.ui_scenes import Script
from twtop.engine import Engine
from twtop.frame import Frame, View
from twtop.groups import Key
from twtop.model import Process
from twtop.probe import Sample
from twtop.ui.app import TwtopApp
from twtop.ui.messages import FrameReady
from twtop.ui.monitor import Monitor

FOLDER = Path(__file__).parents[1] / "screenshots"
PORTS = (32768, 37767)
LIFE_S = 61
SECONDS = 200
OWNERS = {900 + i: Process(4711, "nginx") for i in range(30)} | {950 + i: Process(815, "wrk") for i in range(30)}

SCENES = {
    "monitor": ((120, 36), View(), ()),
    "sockets": ((120, 36), View(drill=Key(remote=0xFFFF0A000005)), ()),
    "what-happens": ((120, 36), View(), ("w",)),
    "small": ((80, 24), View(), ()),
}


def closes(per_s: float, since: float, now: float) -> tuple[np.ndarray, np.ndarray]:
    """(number, seconds left) of each TIME_WAIT at `now`, of a load that began at `since`."""
    numbers = np.arange(max(0, int((now - since - LIFE_S) * per_s)), max(0, int((now - since) * per_s)))
    return numbers, np.clip(since + numbers / per_s + 60 - now, 0, 60)


def ports_tried(numbers: np.ndarray) -> np.ndarray:
    """Local ports as connect() finds them: all even ones before the odd ones."""
    scattered = np.random.default_rng(1).permutation(2500) * 2
    tried: np.ndarray = PORTS[0] + np.concatenate((scattered, scattered + 1))[numbers % 5000]
    return tried


def sockets(now: float) -> Iterator[Block]:
    yield sock("10.0.0.1:8080", state="LISTEN", wqueue=511)
    yield many("10.0.0.1", "10.0.0.5:443", lports=range(37700, 37730), inode=range(950, 980))
    yield many("10.0.0.1:8080", "10.0.0.9", rports=range(60000, 60030), inode=range(900, 930))
    numbers, left = closes(62, 145, now)
    if len(numbers):
        yield many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=ports_tried(numbers), remaining=left)
    for address, per_s, since in (("10.0.0.6", 21, 20), ("10.0.0.7", 6, 60), ("fd77::8", 2, 90)):
        numbers, left = closes(per_s, since, now)
        local = "fd77::1" if ":" in address else "10.0.0.1"
        if len(numbers):
            remote = f"[{address}]:5432" if ":" in address else f"{address}:5432"
            yield many(local, remote, "TIME_WAIT", lports=ports_tried(numbers), remaining=left)
    for address, per_s, since in (("10.0.0.9", 160, 5), ("10.0.0.10", 45, 30), ("10.0.0.11", 13, 100)):
        numbers, left = closes(per_s, since, now)
        if len(numbers):
            yield many("10.0.0.1:8080", address, "TIME_WAIT", rports=1024 + numbers % 60000, remaining=left)


def sample(now: int) -> Sample:
    waiting = sum(len(block) for block in sockets(now))
    entered = sum(int(max(0, now - since) * per_s) for per_s, since in ((62, 145), (21, 20), (160, 5), (45, 30)))
    return make_sample(
        *sockets(now),
        at=now,
        host="lab-7",
        kernel="6.18.44",
        collect_s=0.002 + waiting * 4e-7,
        counters={"TW": entered},
        port_range=PORTS,
        tw_reuse=0,
        max_tw_buckets=32768,
    )


async def picture(size: tuple[int, int], keys: tuple[str, ...], frame: Frame) -> str:
    """The monitor with this frame, after these keys."""
    app = TwtopApp(partial(Engine, Script([sample(1)])), frame.view, 3600.0)
    async with app.run_test(size=size) as pilot:
        monitor = app.screen
        assert isinstance(monitor, Monitor)
        while monitor.frame is None:
            await pilot.pause()
        monitor.interval = monitor._header.interval = 1.0
        if frame.view.drill is not None:
            await pilot.press("enter")
        monitor._engine.stop()
        monitor.post_message(FrameReady(frame))
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
        await pilot.pause()
        return app.export_screenshot(title="twtop")


def draw() -> dict[str, str]:
    """Name → SVG of every scene."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    samples = [sample(now) for now in range(1, SECONDS + 1)]
    found = {}
    for name, (size, view, keys) in SCENES.items():
        last = frames(*samples, view=view, owners=OWNERS)[-1]
        found[name] = asyncio.run(picture(size, keys, last))
    return found


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, svg in draw().items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
