"""The line under the header says the worst, and says so when it has no room for all of it."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.monitor_pilot import SIZES, Stage, monitor, rows
from tests.support.monitor_samples import CLIENT, LISTENER, RANGE, lab, scene
from tests.support.sock_diag_dump import make_sample, many
from twtop.sources.decode_failed_connects import ROW
from twtop.sources.probe import FailureTable, Sample
from twtop.ui.panels.headline import Headline
from twtop.ui.panels.verdict_strip import VerdictStrip

FAR = "[2001:db8:85a3:1234:5678:8a2e:370:7334]:65535"


def overflowing(at: float) -> Sample:
    """600 of 600 buckets in use, and 200 closes a second that find none."""
    closes = {"TCPTimeWaitOverflow": 1 + int(200 * at)}
    return make_sample(LISTENER, CLIENT, at=at, counters=closes, max_tw_buckets=600)


def headline(stage: Stage) -> list[str]:
    panel = stage.monitor.query_one(Headline)
    return [stage.lines[y] for y in range(panel.content_region.y, panel.content_region.bottom)]


async def until_overflow(stage: Stage) -> str:
    await stage.tick()
    return " ".join(" ".join(headline(stage)).split())


async def test_a_sentence_takes_both_lines() -> None:
    async with monitor(overflowing(0), overflowing(1), size=(80, 40)) as stage:
        said = await until_overflow(stage)
        assert said == "▲ BUCKETS 600 of 600 TIME_WAIT buckets are in use; 200 closes per second skip TIME_WAIT."
        assert headline(stage)[1].startswith(" " * len("  ▲ BUCKETS  "))


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((80, 24), "▲ BUCKETS 600 of 600 TIME_WAIT buckets are in use; 200 closes per second…"),
        ((60, 20), "▲ BUCKETS 600 of 600 TIME_WAIT buckets are in use; 200…"),
    ],
)
async def test_a_sentence_without_room_ends_behind_a_word(size: tuple[int, int], said: str) -> None:
    async with monitor(overflowing(0), overflowing(1), size=size) as stage:
        assert await until_overflow(stage) == said


@pytest.mark.parametrize("size", [*SIZES, (60, 40)], ids=str)
async def test_a_long_name_leaves_room_for_what_it_is_about(size: tuple[int, int]) -> None:
    full = many("2001:db8:85a3:1234:5678:8a2e:370:1", FAR, "TIME_WAIT", lports=32768 + np.arange(830), remaining=30)
    async with monitor(scene(full), size=size) as stage:
        said = headline(stage)[0]
        assert "[2001:db8" in said
        assert ":65535" in said
        assert "83 %" in said
        assert "never full" in said
        assert ("…" in said) == (FAR not in said)


async def test_an_unknown_rate_has_no_unit() -> None:
    async with monitor(lab(), size=(200, 60)) as stage:
        assert not any("–/s" in line for line in stage.lines)
        assert "reused     –   " in stage.lines[1]


@pytest.mark.parametrize(("ports", "sign"), [(300, "▲ 30 %"), (1000, "▲ 100 %")])
@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_row_has_the_sign_of_the_headline(ports: int, sign: str, size: tuple[int, int]) -> None:
    """Where three hundred ports were taken within the last second, one after the other, a thousand are full soon."""
    number = np.arange(ports)
    rising = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + number, remaining=60 - 1.2 * number / ports)
    async with monitor(scene(rising), size=size) as stage:
        assert " ▲ 10.0.0.5:443 " in headline(stage)[0]
        assert f" {sign[2:]}" in headline(stage)[0]
        assert f" {sign}" in rows(stage, stage.peers)[0]
        assert stage.shows(f"▲ PORTS {sign[2:]}")


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_the_strip_names_all_verdicts_or_how_many_more(width: int) -> None:
    bad = overflowing(0), overflowing(1)
    full = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(830), remaining=30)
    crowded = [make_sample(full, LISTENER, at=at, port_range=RANGE, tw_reuse=0, max_tw_buckets=900) for at in (0, 1)]
    silent = many("10.0.0.1", "10.0.0.9:443", "SYN_SENT", lports=40_000 + np.arange(1200), retransmits=4, remaining=2)
    unanswered = [make_sample(silent, full, LISTENER, at=at, port_range=RANGE, tw_reuse=0) for at in (0, 1)]
    for ticks in (bad, crowded, unanswered):
        async with monitor(*ticks, size=(width, 24)) as stage:
            await stage.tick()
            region = stage.monitor.query_one(VerdictStrip).content_region
            said = stage.lines[region.y]
            names = [name for name in ("PORTS", "CONNECT", "SYN", "BUCKETS", "MEMORY", "FDS", "DROPS") if name in said]
            calm = 7 - len(names)
            assert not calm or f"✓ {calm}" in said
            assert ("▲ SYN 1,200 unanswered" in said) == (ticks is unanswered)


FILLING = "client-closes: connect() 66/s done, 84/s EADDRNOTAVAIL, mean 2,308 µs"


@pytest.mark.parametrize(
    ("width", "load", "shown"),
    [
        (80, FILLING, f"load {FILLING}"),
        (60, FILLING, "client-closes: connect() 66/s done, 84/s EADDRNOTAVAIL…"),
        (80, f"{FILLING}; 50 requests/s", f"{FILLING}; 50…"),
    ],
)
async def test_what_the_load_meets_is_cut_behind_a_word(width: int, load: str, shown: str) -> None:
    async with monitor(replace(lab(), load=load), size=(width, 24)) as stage:
        assert stage.lines[2].strip() == shown


def refusing(at: float, used: int, failed: int, seconds: int = 1) -> Sample:
    """So many of a hundred ports in use, and so many failed connects in each of the seconds before `at`."""
    taken = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32_768 + np.arange(used), remaining=30)
    sample = make_sample(taken, at=at, port_range=(32_768, 32_867), tw_reuse=0)
    rows = np.zeros(seconds, ROW)
    rows["tenth"] = int(sample.mono * 10) - 10 * np.arange(seconds)[::-1] - 1
    rows["count"], rows["address"] = failed, (0, 0xFFFF_0A00_0005)
    return replace(sample, failures=FailureTable(sample.mono - seconds, sample.mono, rows.tobytes()))


@pytest.mark.parametrize("size", [(160, 50), (120, 40)], ids=str)
async def test_connects_that_fail_are_a_figure(size: tuple[int, int]) -> None:
    """Once ports came free, the budget is not said to be never full."""
    async with monitor(refusing(0, 100, 20, seconds=2), refusing(1, 100, 20), refusing(70, 40, 0), size=size) as stage:
        await stage.tick()
        assert "full now   20/s fail" in headline(stage)[0]
        assert "20/s asked" in headline(stage)[0]
        assert stage.frame.verdicts[0].text.endswith(
            "full now: 20 connects per second fail, the next port is free in 30 s."
        )
        await stage.tick()
        assert "fail" not in headline(stage)[0]


@pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=str)
async def test_they_are_a_figure_where_the_headline_has_one_line(size: tuple[int, int]) -> None:
    async with monitor(refusing(0, 100, 20, seconds=2), refusing(1, 100, 20), size=size) as stage:
        await stage.tick()
        assert headline(stage)[0].rstrip().endswith("full now  20/s fail")


async def test_a_budget_that_was_full_in_the_last_minute_is_at_its_limit() -> None:
    async with monitor(refusing(0, 100, 30), refusing(40, 40, 0), size=(160, 50)) as stage:
        await stage.tick()
        assert "at its limit   30 failed in the last 60 s" in headline(stage)[0]
        assert "at its limit: 30 connects failed in the last 60 s" in stage.frame.verdicts[0].text
