"""A filter of times, and the times that are shown, are of one moment: that at which the sockets were read."""

import csv
import io
import json
import operator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.built_frames import Run
from tests.support.drawn_filters import MS, joined
from tests.support.sock_diag_dump import Block, make_sample, sock
from twtop.columns.socket_rows import SocketRow
from twtop.filter.query import And, Comparison, Everything, Not, Or, Query, TimingField, TimingTest
from twtop.frame.frame import Frame
from twtop.frame.view import Key, SocketSort, View
from twtop.model import TcpState, Timer
from twtop.report.formats import to_csv, to_json
from twtop.report.schema import rfc3339
from twtop.report.text import to_text

COMPARE = dict(
    zip(Comparison, (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge), strict=True)
)
TIMING = st.builds(TimingTest, st.sampled_from(TimingField), st.sampled_from(Comparison), MS | st.integers(0, 70_000))
FILTERS = st.recursive(
    TIMING, lambda parts: st.builds(Not, parts) | joined(And, parts) | joined(Or, parts), max_leaves=4
)
LEFT_MS = st.integers(0, 62_000) | st.sampled_from([0, 1, 999, 1000, 30_000, 60_000])
ENDED, OTHER = (TcpState.FIN_WAIT2, Timer.TIMEWAIT), (TcpState.SYN_SENT, Timer.RETRANSMIT)
KINDS = st.sampled_from([(TcpState.TIME_WAIT, Timer.TIMEWAIT)] * 4 + [ENDED, OTHER, (TcpState.ESTABLISHED, Timer.OFF)])
SOCKETS = st.lists(st.tuples(KINDS, LEFT_MS), min_size=1, max_size=12)
LATER_S = st.floats(0, 90) | st.sampled_from([0.0, 14.5, 60.0])
PEER = Key(remote=0xFFFF_0A00_0005)


def blocks(drawn: list[tuple[tuple[TcpState, Timer], int]]) -> list[Block]:
    """A connection to one peer for each; its port is its number."""
    return [
        sock(f"10.0.0.1:{port}", "10.0.0.5:443", state, timer=timer, remaining=left_ms / 1000 if timer else 0)
        for port, ((state, timer), left_ms) in enumerate(drawn, start=40_000)
    ]


def read_earlier(drawn: list[Block], later_s: float) -> Run:
    """A run whose last tick has counters alone, so much later than its sockets."""
    run, sample = Run(), make_sample(*drawn)
    run.tick(sample)
    run.tick(replace(sample, time=sample.time + later_s, mono=sample.mono + later_s, dump=None))
    return run


Shown = dict[int, tuple[float | None, float | None]]
"""(remaining, age) in seconds by local port, in the order in which they are shown."""


def in_json(frame: Frame) -> Shown:
    return {each["lport"]: (each["remaining_s"], each["age_s"]) for each in json.loads(to_json(frame, True))["sockets"]}


def in_csv(frame: Frame) -> Shown:
    found = csv.DictReader(io.StringIO(to_csv(frame, True)))
    return {int(row["lport"]): (number(row["remaining_s"]), number(row["age_s"])) for row in found}


def number(text: str) -> float | None:
    return float(text) if text else None


def drilled(frame: Frame) -> Shown:
    """As the screen has them."""
    found: Shown = {}
    for index in frame.drill.tolist():
        row = SocketRow(frame, index)
        times = (row.left_ms, row.age_ms)
        left, age = (None if time < 0 else time / 1000 for time in times)
        found[int(frame.snapshot.sockets.lport[index])] = left, age
    return found


def in_text(frame: Frame) -> list[int]:
    lines = to_text(frame, True).rstrip("\n").split("\n\n")[-1].splitlines()[1:]
    return [int(line.split()[0].rpartition(":")[2]) for line in lines]


def holds(query: Query, kind: tuple[TcpState, Timer], times: tuple[float | None, float | None]) -> bool:
    """Whether the filter is true of what was shown of a socket. A timer of another kind is no time of TIME_WAIT."""
    match query:
        case TimingTest(field, comparison, ms):
            left, age = times
            time = age if field is TimingField.AGE else left if kind[1] is Timer.TIMEWAIT else None
            return time is not None and COMPARE[comparison](round(time * 1000), ms)
        case Not(test):
            return not holds(test, kind, times)
        case And(tests):
            return all(holds(test, kind, times) for test in tests)
        case Or(tests):
            return any(holds(test, kind, times) for test in tests)
    raise AssertionError(query)


@settings(max_examples=40)
@given(SOCKETS, LATER_S, FILTERS, st.sampled_from([SocketSort.REMAINING, SocketSort.AGE]), st.booleans())
def test_what_is_shown_is_what_the_filter_keeps(
    drawn: list[tuple[tuple[TcpState, Timer], int]], later_s: float, query: Query, sort: SocketSort, reverse: bool
) -> None:
    run, kinds = read_earlier(blocks(drawn), later_s), [kind for kind, _ in drawn]
    whole = run.show(View(drill=PEER))
    frame = run.show(View(query=query, drill=PEER, socket_sort=sort, reverse=reverse))
    for shown in (in_json, in_csv, drilled):
        everything = shown(whole)
        assert sorted(everything) == [*range(40_000, 40_000 + len(drawn))]
        kept = {port: times for port, times in everything.items() if holds(query, kinds[port - 40_000], times)}
        assert shown(frame) == kept
    assert sorted(in_text(frame)) == sorted(kept)
    assert frame.states.count.sum() == frame.groups.states.sum() == len(kept)
    assert frame.matching.count == sum(kinds[port - 40_000][0] is TcpState.TIME_WAIT for port in kept)
    keys = [times[sort is SocketSort.AGE] for times in drilled(frame).values()]
    known = [key for key in keys if key is not None]
    assert keys == sorted(known, reverse=reverse) + [None] * (len(keys) - len(known))


@pytest.mark.parametrize("query", [Everything(), TimingTest(TimingField.AGE, Comparison.LESS, 5000)])
def test_what_was_read_earlier_says_when(query: Query) -> None:
    run = read_earlier([sock("10.0.0.1:40000", "10.0.0.5:443", "TIME_WAIT", remaining=58.5)], 14.5)
    frame = run.show(View(query=query))
    told = json.loads(to_json(frame, True))
    assert (told["sockets_age_s"], told["sockets"][0]["age_s"]) == (14.5, 1.5)
    assert to_text(frame, True).splitlines()[0].endswith("sock_diag 41 ms, sockets 14.5 s old")
    (row,) = csv.DictReader(io.StringIO(to_csv(frame, True)))
    assert row["time"] == rfc3339(frame.snapshot.time - 14.5)


def test_entries_and_releases_agree_with_a_filter_of_times() -> None:
    """Those that the filter keeps began in the last 5 s when they were read."""
    drawn = [sock(f"10.0.0.1:{40_000 + k}", "10.0.0.5:443", "TIME_WAIT", remaining=60 - k / 10) for k in range(200)]
    run = read_earlier(drawn, 14.5)
    kept = run.show(View(query=TimingTest(TimingField.AGE, Comparison.LESS, 5000))).matching
    assert kept.count == 50
    assert kept.entered is not None
    assert (kept.entered[:-5].sum(), kept.entered[-5:].sum()) == (0, 50)
