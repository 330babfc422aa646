"""A source without timers: what it cannot know is shown as unknown, everywhere, and the rest is right."""

import csv
import json
import socket
from dataclasses import replace

import pytest

from tests.support.built_frames import filtered, frames
from tests.support.monitor_pilot import monitor
from tests.support.monitor_samples import later
from tests.support.sock_diag_dump import make_sample
from twtop.explain.explanation import as_text, explain
from twtop.frame.frame import Frame
from twtop.model import TcpState
from twtop.report.formats import to_csv, to_json
from twtop.report.text import to_text
from twtop.sources.probe import Sample
from twtop.sources.psutil_source import ROW
from twtop.verdicts.verdict import Level

HELD = 600


def sample(at: float = 0, tw_reuse: int = 0, held: int = HELD, counters: bool = False) -> Sample:
    """A listener, and TIME_WAIT that fill most of a thousand ports to one destination, as psutil tells of them."""
    local, remote = (socket.inet_aton(address).ljust(16, b"\0") for address in ("10.0.0.1", "10.0.0.5"))
    rows = [ROW.pack(False, TcpState.LISTEN, bytes(16), bytes(16), 80, 0, 0)]
    rows += [ROW.pack(False, TcpState.TIME_WAIT, local, remote, 32768 + port, 443, 0) for port in range(held)]
    known = {"TW": int(40 * at)} if counters else {}
    made = make_sample(at=at, port_range=(32768, 33767), tw_reuse=tw_reuse, counters=known)
    files = {path: text for path, text in made.files.items() if counters or path.startswith("sys/")}
    return replace(made, source="psutil", dump=b"".join(rows), files=files)


@pytest.fixture
def frame() -> Frame:
    return frames(sample(), sample(at=1))[-1]


def test_counts_and_budgets_are_known(frame: Frame) -> None:
    value = json.loads(to_json(frame, True))
    (peer,) = value["peers"]
    (budget,) = peer["destinations"]
    assert (value["source"], value["states"]["TIME_WAIT"], value["states"]["LISTEN"]) == ("psutil", HELD, 1)
    assert (budget["used"], budget["capacity"], budget["pressure"], budget["reusable"]) == (HELD, 1000, 0.6, 0)
    assert budget["max_per_s"] is not None


def test_what_needs_timers_is_null(frame: Frame) -> None:
    value = json.loads(to_json(frame, True))
    waiting, (peer,) = value["time_wait"], value["peers"]
    assert [waiting[name] for name in ("entered_per_s", "entered", "releases")] == [None] * 3
    assert peer["entered_per_s"] is None
    assert [peer["destinations"][0][name] for name in ("new_per_s", "full_in_s")] == [None] * 2
    sockets = [each for each in value["sockets"] if each["state"] == "TIME_WAIT"]
    assert {(each["timer"], each["remaining_s"], each["age_s"]) for each in sockets} == {(None, None, None)}
    (row,) = csv.DictReader(to_csv(frames(sample())[0], False).splitlines())
    assert (row["entered_per_s"], row["new_per_s"], row["full_in_s"]) == ("", "", "")


def test_how_many_could_be_taken_over_is_null_where_some_could() -> None:
    (budget,) = json.loads(to_json(frames(sample(tw_reuse=1))[0], False))["peers"][0]["destinations"]
    assert (budget["used"], budget["reusable"]) == (HELD, None)


def test_rates_come_from_the_counters_where_those_are_known() -> None:
    frame = frames(sample(counters=True), sample(at=2, counters=True))[-1]
    assert frame.total.entered_per_s == 40
    assert frame.total.forecast is None


def test_a_timer_filter_finds_none_of_them() -> None:
    assert frames(sample(), view=filtered("remaining < 60s"))[0].matching.count == 0


def test_no_promise_in_words(frame: Frame) -> None:
    told = to_text(frame, True) + as_text(explain(frame)) + "".join(verdict.text for verdict in frame.verdicts)
    told = " ".join(told.split())
    assert "when it is full is unknown without timers" in told
    assert "the present rate is unknown without timers" in told
    assert "never full" not in told
    assert "accept queue" not in told  # of unknown length
    assert "nan" not in told
    assert [verdict.level for verdict in frame.verdicts if verdict.id == "ports"] == [Level.WARN]


def test_none_at_all_is_no_mystery() -> None:
    (frame,) = frames(sample(held=0))
    assert frame.total.entered is not None
    assert frame.total.entered_per_s == 0


async def test_on_the_screen() -> None:
    first = replace(sample(), notice="psutil instead of sock_diag: only Linux has sock_diag")
    async with monitor(first, later(first, 1), size=(120, 40)) as stage:
        await stage.until_shown("psutil instead of sock_diag: only Linux has sock_diag", "psutil 41 ms")
        assert stage.shows("unknown, since psutil shows no timers")
        (row,) = [line for line in stage.lines if "10.0.0.5" in line and "600/1,000" in line]
        assert row.rstrip(" │").split()[-1] == "–"
        await stage.press("enter")
        await stage.until_shown("600 sockets")
        row = next(line for line in stage.lines if "10.0.0.1:32768" in line)
        assert row.count("–") == 3
        for title in ("entries per second unknown", "releases per second unknown"):
            await stage.press("t")
            await stage.until_shown(title)
