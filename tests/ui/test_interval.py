"""+ and − change how often the kernel is read, while the monitor runs."""

import pytest

from tests.support.monitor_pilot import monitor
from tests.support.monitor_samples import lab


@pytest.mark.parametrize(
    ("start", "keys", "shown"),
    [
        (1.0, ["plus"], "2 s"),
        (1.0, ["equals_sign"], "2 s"),
        (1.0, ["minus"], "0.5 s"),
        (1.0, ["plus", "minus"], "1 s"),
        (0.7, ["plus"], "1 s"),
        (0.7, ["minus"], "0.5 s"),
        (0.1, ["minus"], "0.1 s"),
        (3600.0, ["plus"], "60 min"),
    ],
)
async def test_the_header_tells_it(start: float, keys: list[str], shown: str) -> None:
    async with monitor(lab(), interval=start) as stage:
        await stage.press(*keys)
        assert f" every {shown} " in stage.lines[0]


async def test_faster_reads_follow() -> None:
    async with monitor(lab(), interval=3600.0) as stage:
        assert stage.script.reads == 1
        await stage.press(*["minus"] * 13)
        assert stage.shows("every 0.1 s")
        await stage.until(lambda: stage.script.reads >= 4, "more samples")


async def test_slower_reads_follow() -> None:
    async with monitor(lab(), interval=0.1) as stage:
        await stage.until(lambda: stage.script.reads >= 3, "samples")
        await stage.press("plus", "plus")
        assert stage.shows("every 0.5 s")
        before = stage.script.reads
        await stage.until(lambda: stage.script.reads >= before + 3, "three more samples")
        apart = stage.script.read_at[before + 2] - stage.script.read_at[before]
        assert apart > 0.4  # twice 0.5 from start to start; each is noted some time after its start
