"""Counts compared with a baseline, under the same filter and grouping."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.support.built_frames import Run, frames
from tests.support.known_owners import ByInode
from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.analysis.analysis import analyse
from twtop.filter.parser import parse
from twtop.frame.baseline import Baseline
from twtop.frame.frame import Base, Frame
from twtop.frame.view import GroupBy, Key, View
from twtop.model import Counts, Direction, Owners, Process, TcpState
from twtop.sources.decode import decode

HELD: ByInode = {900 + i: Process(100 + i % 3, f"p{i % 3}") for i in range(20)}
BEFORE = make_sample(
    sock("10.0.0.1:80", state="LISTEN"),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40030), remaining=30),
    many("10.0.0.1", "10.0.0.5:22", lports=range(40000, 40010), inode=range(900, 910)),
    many("10.0.0.1", "10.0.0.6:443", lports=range(40000, 40010), inode=range(910, 920)),
    many("10.0.0.1:80", "10.0.1.9", "TIME_WAIT", rports=range(2000, 2050), remaining=30),
    many("[fd00::1]", "[fd00::2]:443", "CLOSE_WAIT", lports=range(40000, 40005)),
)
AFTER = make_sample(
    sock("10.0.0.1:80", state="LISTEN"),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40035), remaining=25),
    many("10.0.0.1", "10.0.0.5:22", lports=range(40000, 40003), inode=range(900, 903)),
    many("10.0.0.1", "10.0.0.7:443", lports=range(40000, 40010), inode=range(910, 920)),
    many("10.0.0.1:80", "10.0.1.9", "TIME_WAIT", rports=range(2000, 2020), remaining=25),
    many("[fd00::1]", "[fd00::2]:443", "TIME_WAIT", lports=range(40000, 40005), remaining=55),
    at=5,
)
QUERIES = ("", "443", "tw", "peer 10.0.0.0/8", "p1", "not established")


def keys(frame: Frame) -> Iterator[tuple[Key, Counts]]:
    """Every group and destination with its counts."""
    groups = frame.groups
    for group in range(len(groups)):
        yield groups.key(group), groups.states[group]
        for leaf in range(int(groups.first[group]), int(groups.first[group + 1])):
            yield groups.leaf_key(leaf), groups.leaf_states[leaf]


def base(frame: Frame) -> Base:
    assert frame.base is not None
    return frame.base


@pytest.mark.parametrize("by", GroupBy)
@pytest.mark.parametrize("query", QUERIES)
def test_the_baseline_is_what_this_view_showed_then(query: str, by: GroupBy) -> None:
    view = View(query=parse(query), group_by=by)
    then = dict(keys(frames(BEFORE, view=view, owners=HELD)[0]))
    first, now = frames(BEFORE, AFTER, view=replace(view, baseline=True), owners=HELD)
    for frame in (first, now):
        for key, _ in keys(frame):
            assert base(frame).states(key).tolist() == then.get(key, np.zeros(12, np.int64)).tolist(), key
        assert base(frame).count.tolist() == first.states.count.tolist()
        assert base(frame).time == first.snapshot.time


def run(*views: View) -> list[Frame]:
    """The first view on the first sample, the others on the second."""
    kept, found = Run(HELD), []
    for number, view in enumerate(views):
        if number < 2:
            kept.tick((BEFORE, AFTER)[number])
        found.append(kept.show(view))
    return found


EXPECTED = {"ESTABLISHED": 10, "TIME_WAIT": 30, "CLOSE_WAIT": 5}


def test_a_later_view_is_compared_with_the_same_moment() -> None:
    services = View(baseline=True, query=parse("443"), group_by=GroupBy.SERVICE)
    first, _, filtered = run(View(baseline=True), View(baseline=True), services)
    https = base(filtered).states(Key(direction=Direction.OUTBOUND, port=443))
    assert {state.name: int(https[state]) for state in TcpState if https[state]} == EXPECTED
    assert base(filtered).time == first.snapshot.time
    assert base(filtered).total[TcpState.TIME_WAIT] == 80


def test_a_baseline_that_is_switched_off_and_on_is_a_new_one() -> None:
    on, off = View(baseline=True), View()
    _, second, cleared, again = run(on, on, off, on)
    assert base(second).total[TcpState.TIME_WAIT] == 80
    assert cleared.base is None
    assert base(again).total[TcpState.TIME_WAIT] == 60


def test_a_baseline_of_a_part_of_the_sockets_knows_only_its_own_filter() -> None:
    query = parse("443")
    analysis = analyse(replace(decode(BEFORE), part=True))
    nobody = Owners.unknown(analysis.snapshot.sockets)
    baseline = Baseline(analysis, nobody, query, np.zeros(12, np.int64))
    found = baseline.under(View(query=query))
    assert found is not None
    assert found.count[TcpState.TIME_WAIT] == 30
    assert baseline.under(View(query=parse("22"))) is None
    assert baseline.under(View()) is None
