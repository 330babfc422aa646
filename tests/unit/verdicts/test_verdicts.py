"""The verdicts: each level is reached by its figures, and is unknown where a file is missing."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.built_frames import frame, frames
from tests.support.sock_diag_dump import Block, make_sample, many, sock, tcp_info, with_attributes
from twtop.analysis.kernel_costs import Memory
from twtop.frame.frame import Frame
from twtop.model import Timer
from twtop.verdicts.ports import fullness, ports_level
from twtop.verdicts.verdict import CounterRates, Evidence, Level, Verdict
from twtop.verdicts.verdicts import verdicts

RANGE = (32768, 33767)


def waiting(ports: int, remaining: float = 30.0) -> Block:
    """TIME_WAIT on so many of a thousand ports to one destination. None of them has just entered."""
    return many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(ports), remaining=remaining)


def verdict(name: str, found: Frame) -> Verdict:
    return next(each for each in found.verdicts if each.id == name)


def after(*blocks: Block, counters: dict[str, int], **more: Any) -> Frame:
    """The second of two frames that are a second apart. In the first all counters are 1."""
    before = make_sample(*blocks, counters=dict.fromkeys(counters, 1), **more)
    return frames(before, make_sample(*blocks, at=1, counters=counters, **more))[-1]


def test_they_are_in_the_order_of_the_strip() -> None:
    names = [each.id for each in frame().verdicts]
    assert names == ["ports", "connect_cost", "unanswered", "buckets", "memory", "fds", "drops"]


@pytest.mark.parametrize(("ports", "level"), [(1, "ok"), (400, "ok"), (500, "warn"), (790, "warn"), (800, "critical")])
def test_ports_warn_from_half_and_are_critical_from_four_fifths(ports: int, level: str) -> None:
    found = verdict("ports", frames(make_sample(waiting(ports), port_range=RANGE, tw_reuse=0))[0])
    assert (found.level, found.value) == (level, ports / 1000)


def test_ports_are_critical_when_full_within_a_minute() -> None:
    number = np.arange(300)
    rising = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + number, remaining=60 - number / 100)
    found = verdict("ports", frames(make_sample(rising, port_range=RANGE, tw_reuse=0))[0])
    assert found.level is Level.CRITICAL
    assert "full in 7 s" in found.text


def test_a_burst_does_not_tell_when_the_ports_are_full() -> None:
    burst = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + 2 * np.arange(300), remaining=59.5)
    found = verdict("ports", frames(make_sample(burst, port_range=RANGE, tw_reuse=0))[0])
    assert found.level is Level.OK
    assert "not known yet: its load is too new or too uneven to tell" in found.text


def test_a_full_range_is_full_now() -> None:
    found = verdict("ports", frames(make_sample(waiting(1000), port_range=RANGE, tw_reuse=0))[0])
    assert "0 more connections can be made, full now" in found.text


def test_what_is_left_is_a_bound_or_two() -> None:
    """connect() fills one parity of the ports first. If both are in use alike, somebody may have bound the second."""
    first = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(32768, 33368, 2), remaining=30)
    both = many("10.0.0.1", "10.0.0.6:443", "TIME_WAIT", lports=range(32768, 32868), remaining=30)
    alone, beside = (
        frames(make_sample(*blocks, port_range=RANGE, tw_reuse=0))[0] for blocks in ([first], [first, both])
    )
    assert "at most 700 more connections" in verdict("ports", alone).text
    assert "650 to 700 more connections" in verdict("ports", beside).text


@pytest.mark.parametrize(
    ("used", "text", "level"),
    [
        (None, "1 to 999 more connections can be made, ", Level.CRITICAL),
        (True, "; 1 to 999 more connections can be made, never full", Level.OK),
        (False, "; at most 1 more connections can be made, ", Level.CRITICAL),
    ],
)
def test_what_is_left_is_a_range_while_the_peers_timestamps_are_unknown(
    used: bool | None, text: str, level: Level
) -> None:
    open_end = sock("10.0.0.1:33766", "10.0.0.5:443")
    if used is not None:
        open_end = with_attributes(open_end, tcp_info(used))
    found = verdict("ports", frames(make_sample(waiting(998), open_end, port_range=RANGE, tw_reuse=1))[0])
    assert text in found.text
    assert found.level is level
    assert ("no open connection has shown that the peer uses timestamps" in found.text) == (used is None)


def test_a_full_range_may_have_time_wait_to_reuse() -> None:
    found = verdict("ports", frames(make_sample(waiting(1000), port_range=RANGE, tw_reuse=1))[0])
    assert "at most 1,000 more connections can be made, full now" in found.text


def test_without_timers_what_is_left_is_a_range_too() -> None:
    untimed = waiting(100)
    untimed["timer"] = Timer.OFF
    found = verdict("ports", frames(make_sample(untimed, port_range=RANGE, tw_reuse=None))[0])
    assert "900 to 1,000 more connections can be made" in found.text


def test_connect_cost_follows_the_cliff() -> None:
    below = frames(make_sample(waiting(400), port_range=RANGE, tw_reuse=0))[0]
    even = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(32768, 33768, 2), remaining=30)
    past = frames(make_sample(even, port_range=RANGE, tw_reuse=0))[0]
    assert verdict("connect_cost", below).level is Level.OK
    assert verdict("connect_cost", past).level is Level.WARN
    assert verdict("connect_cost", past).value == pytest.approx(500 + 501 / 501)


@pytest.mark.parametrize(("limit", "level"), [(1000, "ok"), (700, "warn"), (480, "critical")])
def test_buckets_are_judged_by_their_share(limit: int, level: str) -> None:
    found = verdict("buckets", frames(make_sample(waiting(400), max_tw_buckets=limit))[0])
    assert (found.level, found.value) == (level, 400 / limit)


def test_overflow_is_critical_whatever_the_share() -> None:
    found = verdict("buckets", after(waiting(10), counters={"TCPTimeWaitOverflow": 201}))
    assert found.level is Level.CRITICAL
    assert "200 closes per second skip TIME_WAIT" in found.text


def test_memory_says_where_its_figure_comes_from() -> None:
    plain = verdict("memory", frame(waiting(100)))
    slabinfo = "tw_sock_TCP 40000 40000 256 16 1 : tunables 0 0 0 : slabdata 1 1 0\n"
    measured = verdict("memory", frames(make_sample(waiting(100), files={"slabinfo": slabinfo}))[0])
    assert plain.value == 100 * (256 + 128 + 128)
    assert "by formula" in plain.text
    assert "slabinfo" not in plain.text
    assert measured.value == 40000 * 256
    assert "by slabinfo" in measured.text


def test_descriptors_are_held_by_a_leak_and_not_by_time_wait() -> None:
    leak = many("10.0.0.1:80", "10.0.0.9", "CLOSE_WAIT", rports=range(40000, 40200))
    found = verdict("fds", frame(sock("10.0.0.1:80", state="LISTEN"), leak, waiting(300)))
    assert found.level is Level.WARN
    assert found.value == pytest.approx(1184 / 2466170)
    assert "200 CLOSE_WAIT do" in found.text


SERVER = sock("10.0.0.1:80", state="LISTEN")


def served(state: str, count: int, first: int = 40_000) -> Block:
    """The server's connections, with one client."""
    return many("10.0.0.1:80", "10.0.0.9", state, rports=range(first, first + count))


def test_the_other_ends_of_a_leak_hold_no_descriptor() -> None:
    """They are on the same machine: each CLOSE_WAIT has a FIN_WAIT2 beside it, whose application has closed."""
    peers = many("10.0.0.9", "10.0.0.1:80", "FIN_WAIT2", lports=range(40_000, 40_200))
    found = verdict("fds", frame(SERVER, served("CLOSE_WAIT", 200), peers))
    assert (found.level, found.short) == (Level.WARN, "200 CLOSE_WAIT")


@pytest.mark.parametrize(("close_wait", "established"), [(49, 0), (200, 300)])
def test_few_close_wait_or_fewer_than_other_connections_are_no_leak(close_wait: int, established: int) -> None:
    beside = [served("ESTABLISHED", established, 50_000)] if established else []
    found = verdict("fds", frame(SERVER, served("CLOSE_WAIT", close_wait), *beside))
    assert (found.level, found.short) == (Level.OK, "0 held")


def test_close_wait_that_come_and_go_are_no_leak() -> None:
    """A server that closes within a second after its client: two hundred at any time, and others every second."""
    ticks = [make_sample(SERVER, served("CLOSE_WAIT", 200, 10_000 + 200 * at), at=at) for at in range(12)]
    assert [verdict("fds", found).level for found in frames(*ticks)[1:]] == [Level.OK] * 11


def test_close_wait_that_stay_are_a_leak_whether_they_grow_or_not() -> None:
    growing = [served("CLOSE_WAIT", 20 * at + 1) for at in range(9)]
    ticks = [make_sample(SERVER, block, at=at) for at, block in enumerate([*growing, *growing[-1:] * 12])]
    levels = [verdict("fds", found).level for found in frames(*ticks)]
    assert levels == [Level.OK] * 6 + [Level.WARN] * 15  # then fifty have been there for three seconds


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("ports", "sys/net/ipv4/ip_local_port_range"),
        ("connect_cost", "sys/net/ipv4/ip_local_port_range"),
        ("buckets", "sys/net/ipv4/tcp_max_tw_buckets"),
        ("buckets", "net/sockstat"),
        ("memory", "meminfo"),
        ("fds", "sys/fs/file-nr"),
        ("drops", "net/netstat"),
    ],
)
def test_a_missing_file_is_unknown_and_never_ok(name: str, missing: str) -> None:
    found = verdict(name, frames(make_sample(waiting(10), files={missing: None}))[0])
    assert found.level is Level.UNKNOWN


@pytest.mark.parametrize(("count", "size"), [(100, "50.0 KiB"), (900, "450.0 KiB")])
def test_memory_is_the_same_figure_on_the_strip_and_in_its_text(count: int, size: str) -> None:
    found = verdict("memory", frame(waiting(count)))
    assert found.short == size
    assert f"TIME_WAIT hold {size} of kernel memory here, by formula: <1 % of its " in found.text


def test_unknown_memory_is_no_dash_in_a_sentence() -> None:
    seen = frame(waiting(100))
    analysis = replace(seen.analysis, memory=Memory(here=None, slabs=None))
    evidence = Evidence(analysis, CounterRates({}), seen.owners)
    found = next(each for each in verdicts(evidence) if each.id == "memory")
    assert (found.level, found.short) == (Level.UNKNOWN, "–")
    assert found.text == "How much kernel memory TIME_WAIT hold here is unknown."


@pytest.mark.parametrize(
    ("full_in_s", "text"),
    [(0, "full now"), (0.3, "full now"), (41.2, "full in 41 s"), (600, "full in 600 s"), (3_196, "full in 53 min")],
)
def test_the_time_to_full_has_one_unit(full_in_s: float, text: str) -> None:
    assert fullness(full_in_s, waits=False, was_full_lately=False) == text


@pytest.mark.parametrize(
    ("pressure", "past_cliff", "full_in_s", "level"),
    [
        (0.49, False, math.inf, Level.OK),
        (0.49, True, math.inf, Level.WARN),
        (0.5, False, math.nan, Level.WARN),
        (0.1, False, 60, Level.CRITICAL),
        (0.1, False, 61, Level.OK),
        (0.8, False, math.inf, Level.CRITICAL),
    ],
)
def test_a_port_budget_has_one_level_wherever_it_is_shown(
    pressure: float, past_cliff: bool, full_in_s: float, level: Level
) -> None:
    assert ports_level(pressure, past_cliff, full_in_s) is level
