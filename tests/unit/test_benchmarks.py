"""What `make bench` is made of: the load's schedule, ratios of pairs, tables, and what the README takes from them."""

import math
import re

import numpy as np
import pyte
import pytest

from tests.benchmarks import tables
from tests.benchmarks.keys import KEYS, answered, median_and_95_percent
from tests.benchmarks.level import CHURN_PER_S, FILL_PER_S, LIFE_S, SMEAR_S, Schedule
from tests.benchmarks.reading import PARTS, Reader, Reading
from tests.benchmarks.readings import COLD, NETSTAT, PSUTIL, SS, Measured, Turn
from tests.benchmarks.readme import TABLES, agreed, ratio, with_tables
from tests.benchmarks.spans import Span, command
from tests.support.in_namespace import in_namespace
from twtop.demo.load import ConnectStats, Server, client_closes, connect

COUNTS = [1_000, 91_500, 100_000, 250_000, 1_000_000]


def births(schedule: Schedule) -> tuple[np.ndarray, np.ndarray]:
    """(moment, connections made until then) of four minutes, each hundredth of a second."""
    step = 0.01
    minute = np.concatenate([np.full(round(seconds / step), per_s * step) for per_s, seconds, _ in schedule.phases])
    made = np.cumsum(np.tile(minute, 4))
    return (1 + np.arange(len(made))) * step, made


@pytest.mark.parametrize("count", COUNTS)
def test_after_a_minute_the_level_is_held_at_every_moment(count: int) -> None:
    moments, made = births(Schedule(count))
    standing = made - np.interp(moments - LIFE_S, moments, made, left=0)
    assert standing[moments > LIFE_S] == pytest.approx(count, rel=0.01)


@pytest.mark.parametrize("count", COUNTS)
def test_in_the_calm_as_many_come_as_go_and_never_more_than_the_churn(count: int) -> None:
    schedule = Schedule(count)
    moments, made = births(schedule)
    calm = np.array([schedule.left_s(moment) > 0 for moment in moments])
    rate = np.gradient(made, moments)
    early, late = (np.interp(moments - life, moments, rate) for life in (LIFE_S - SMEAR_S, LIFE_S + SMEAR_S))
    inner = calm & np.roll(calm, 1) & np.roll(calm, -1)
    assert inner.sum() * 0.01 > 30
    for each in (rate, early, late):
        assert each[inner] == pytest.approx(min(CHURN_PER_S, count / LIFE_S), rel=0.01)
    assert max(per_s for per_s, _, _ in schedule.phases) <= FILL_PER_S * 1.001


def test_the_calm_says_how_long_it_lasts() -> None:
    assert Schedule(1_000).left_s(2 * LIFE_S) == math.inf
    million = Schedule(1_000_000)
    begins = LIFE_S + million.fill_s + SMEAR_S
    assert million.left_s(begins - 0.1) == 0
    assert million.left_s(begins + 0.1) == pytest.approx(million.longest_s - 0.1)
    assert million.left_s(begins + million.longest_s + 0.1) == 0


def span(cpu_ms: float, memory_mb: float = 0.0) -> Span:
    return Span(cpu_ms / 1000, 2 * cpu_ms / 1000, memory_mb)


def reading(cpu_ms: float, bound: bool = False, sockets: int = 100_000) -> Reading:
    return Reading(span(cpu_ms), {part: span(cpu_ms / len(PARTS)) for part in PARTS}, bound, sockets, 5_000)


def turn(contender: str, took_ms: float, busy: float = 1.0, bound: bool = False, sockets: int = 100_000) -> Turn:
    """One in which a later reading takes 50 ms and the dump 25, each times `busy`."""
    later = reading(50 * busy, bound, sockets)
    return Turn(contender, span(took_ms * busy, 20.0), later, span(25 * busy), sockets, made=750, lasted_s=0.5)


def measured(sockets: int = 100_000, slower: float = 1.0) -> Measured:
    """Two rounds, the second of which a busy machine slowed to a third."""
    turns = [
        turn(contender, took_ms, busy, contender == NETSTAT, sockets)
        for busy in (slower, 3 * slower)
        for contender, took_ms in ((COLD, 120), (NETSTAT, 240), (SS, 200))
    ]
    return Measured([reading(80), reading(90)], turns)


def cells(lines: list[str]) -> dict[str, list[str]]:
    """The cells of each row by its first one; every row must have as many as the head."""
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert len({len(row) for row in rows}) == 1
    return {row[0]: row[1:] for row in rows[2:]}


def test_a_ratio_is_that_of_pairs_whatever_the_machine_does_meanwhile() -> None:
    found = cells(list(tables.ratios(measured())))
    assert found == {
        "later reading ÷ dump without bound sockets": ["2.00"],
        f"`{SS}` ÷ later reading": ["4.00"],
        f"`{COLD}` ÷ {tables.code(NETSTAT)}": ["0.50"],
    }


def test_what_is_not_installed_has_no_line() -> None:
    alone = Measured([reading(80)], [turn(COLD, 120)])
    assert list(cells(list(tables.ratios(alone)))) == ["later reading ÷ dump without bound sockets"]
    assert f"`{SS}`" not in cells(list(tables.contenders(alone)))


def test_a_reading_is_shown_in_its_parts() -> None:
    lines = list(tables.parts(measured()))
    assert lines[0].startswith("| a reading of 100,000 TIME_WAIT to 5,000 destinations, 1,500 connections/s, CPU ms |")
    found = cells(lines)
    assert found["whole"] == ["85.0", "100.0", "100.0"]
    assert found["decode"] == ["21.2", "25.0", "25.0"]
    never = Measured([reading(80)], [turn(SS, 200)])
    assert cells(list(tables.parts(never)))["whole"] == ["80.0", "50.0", "–"]


def test_contenders_stand_beside_the_later_reading() -> None:
    found = cells(list(tables.contenders(measured())))
    assert found["twtop: later reading"] == ["100.0", "1.00", "200.0", ""]
    assert found["twtop: dump without bound sockets"][1] == "0.50"
    assert found[f"`{SS}`"] == ["400.0", "4.00", "800.0", "20"]


def test_a_larger_table_is_compared_socket_by_socket() -> None:
    lines = list(tables.growth([measured(), measured(sockets=1_000_000, slower=12.0)]))
    assert cells(lines) == {"1,000,000 TIME_WAIT": ["1.20", "1.20"]}
    assert list(tables.growth([measured()])) == []
    assert list(tables.growth([measured(sockets=1_000_000)])) == []


README = f"""
| `ss` | `ss -tan` takes [1.1 times](#what-it-costs) as long |
| `netstat` | the same; [1.1 times](#what-it-costs) as long |
| `nstat` | [1.1 times](#somewhere-else) |
<!-- bench -->
<!-- /bench -->

| `{PSUTIL}` | 1.0 | 9.99 |
"""


def test_the_readme_tells_what_its_tables_say() -> None:
    small = [
        line.replace("100,000 TIME_WAIT", "1,000 TIME_WAIT").replace("4.00", "7.00")
        for line in tables.contenders(measured())
    ]
    written = with_tables(README, [*small, "", *tables.contenders(measured()), "", *tables.ratios(measured())])
    assert "`ss -tan` takes [4.0 times](#what-it-costs) as long" in written
    assert "the same; [4.8 times](#what-it-costs) as long" in written
    assert "[1.1 times](#somewhere-else)" in written
    assert agreed(written) == written
    assert agreed(written.replace("4.8 times", "4.0 times")) == written
    assert ratio(written, SS) == 4.0
    assert len(TABLES.findall(written)) == 1


def test_a_readme_without_the_table_that_its_text_needs_is_refused() -> None:
    small = [line.replace("100,000", "1,000") for line in tables.contenders(measured())]
    with pytest.raises(LookupError):
        with_tables(README, small)
    with pytest.raises(LookupError):
        ratio(with_tables(README, list(tables.contenders(measured()))), PSUTIL)
    with pytest.raises(ValueError, match="no one place"):
        with_tables("", small)


def found_in(screen: pyte.Screen) -> object:
    return [line.strip() for line in screen.display if line.strip()]


def test_a_key_is_answered_by_the_first_screen_that_shows_it_or_is_late() -> None:
    output = [(0.9, b"a"), (1.01, b"\x1b[7m"), (1.02, b"b"), (1.03, b"c"), (3.5, b"d")]
    presses = [(1.0, "one", found_in), (2.0, "one", found_in), (3.0, "two", found_in)]
    answers = answered(presses, output)
    assert answers == {"one": [pytest.approx(20), math.inf], "two": [pytest.approx(500)]}
    assert median_and_95_percent([20.0] * 19 + [30.0]) == "20 ms, 95 % within 20 ms"
    assert median_and_95_percent([20.0] * 9 + [math.inf]) == "20 ms, 95 % within ?, 1 of 10 not before the next key"


def screen(*lines: str) -> pyte.Screen:
    made = pyte.Screen(160, 50)
    pyte.Stream(made).feed("\r\n".join(lines))
    return made


def test_what_a_tick_changes_is_no_answer() -> None:
    """Where sockets are read less often than the counters, the title says how old they are."""
    shows = KEYS["drill"][2]
    peer, footer = "Peers ── 10.0.0.51", "⏎  sockets   Space  expand"
    drilled = shows(screen(f"{peer} ── 120 sockets ── soonest first", footer))
    assert drilled == shows(screen(f"{peer} ── 1,131 sockets, 1.0 s old ── soonest first", footer))
    assert drilled != shows(screen(peer, footer))


def test_a_command_that_fails_is_no_figure() -> None:
    assert command("exit 0")().memory_mb > 0
    with pytest.raises(Exception, match="status 3"):
        command("exit 3")()


@in_namespace
def test_a_reading_is_timed_in_all_of_its_parts() -> None:
    server, stats = Server(("127.0.0.1", 4430)), ConnectStats()
    for _ in range(10):
        client_closes(connect(server, stats))
    reader = Reader()
    first, later = reader.read(), reader.read()
    assert (first.sockets, first.destinations) == (11, 1)
    assert (first.bound, later.bound) == (True, False)
    for found in (first, later):
        assert all(found.parts[part].wall_s > 0 for part in PARTS)
        assert sum(part.wall_s for part in found.parts.values()) <= found.whole.wall_s
