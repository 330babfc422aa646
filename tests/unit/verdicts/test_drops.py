"""DROPS: which counter says what is dropped, the worst first, and which queue, table or limit is near."""

import pytest

from tests.support.built_frames import frame, frames
from tests.support.sock_diag_dump import make_sample, sock
from twtop.frame.frame import Frame
from twtop.model import Process
from twtop.verdicts.verdict import Level, Verdict

CONNTRACK = "entries drop early_drop insert_failed invalid\n"


def drops(found: Frame) -> Verdict:
    return next(each for each in found.verdicts if each.id == "drops")


def conntrack(drop: int = 0, early_drop: int = 0, insert_failed: int = 0) -> dict[str, str | None]:
    """Its statistics on two CPUs."""
    rows = [(1, drop, early_drop, insert_failed, 7), (1, 0, 0, 0, 7)]
    text = CONNTRACK + "".join(" ".join(f"{figure:08x}" for figure in row) + "\n" for row in rows)
    return {"net/stat/nf_conntrack": text}


def after(files: dict[str, str | None] | None = None, **counters: int) -> Frame:
    """The second of two frames that are a second apart. In the first all counters are 0."""
    before = make_sample(files=conntrack() if files else None)
    return frames(before, make_sample(at=1, counters=counters, files=files))[-1]


def test_drops_are_judged_by_their_rate() -> None:
    assert drops(after(ListenDrops=6)).level is Level.CRITICAL
    [_, still] = frames(*(make_sample(counters={"ListenDrops": 6}, at=at) for at in range(2)))
    assert (drops(still).level, drops(still).value) == (Level.OK, 0)
    assert drops(still).text == "No listener drops connections."


def test_earlier_drops_have_no_rate_in_the_first_frame() -> None:
    found = drops(frames(make_sample(counters={"ListenDrops": 7, "ListenOverflows": 5}))[0])
    assert (found.level, found.value, found.short) == (Level.UNKNOWN, None, "–")
    told = "5 connections at a full accept queue, 2 connections at a listener for another reason"
    assert found.text == f"Counted since this network namespace began: {told}; the rate is not known yet."


def test_a_cause_that_has_dropped_nothing_is_not_unknown() -> None:
    found = drops(frames(make_sample(counters={"ListenDrops": 7, "ListenOverflows": 7}))[0])
    assert found.text.startswith("Counted since this network namespace began: 7 connections at a full accept queue; ")


def test_what_listeners_drop_is_told_by_its_cause_and_counted_once() -> None:
    found = drops(after(ListenDrops=100, ListenOverflows=60, TCPReqQFullDrop=30))
    assert (found.level, found.value) == (Level.CRITICAL, 100)
    assert found.text == (
        "Dropped per second: 60 connections at a full accept queue, "
        "30 SYN at a full SYN queue, since tcp_syncookies is 0, 10 connections at a listener for another reason."
    )


@pytest.mark.parametrize(
    ("files", "counters", "level", "value", "text"),
    [
        (conntrack(drop=12), {}, Level.CRITICAL, 12, "Dropped per second: 12 packets in conntrack"),
        (
            conntrack(insert_failed=3),
            {},
            Level.WARN,
            3,
            "Dropped per second: 3.0 packets that conntrack could not",
        ),
        (conntrack(drop=3, insert_failed=3), {}, Level.CRITICAL, 3, "Dropped per second: 3.0 packets in conntrack"),
        (
            conntrack(early_drop=40),
            {},
            Level.WARN,
            0,
            "Neither listeners nor conntrack drop connections; 40/s",
        ),
        (None, {"TCPAbortOnMemory": 20}, Level.CRITICAL, 20, "Dropped per second: 20 connections by RST, for too many"),
        (None, {"TCPReqQFullDoCookies": 20}, Level.WARN, 0, "No listener drops connections; 20/s SYN cookies, since"),
    ],
)
def test_every_other_cause_has_its_level(
    files: dict[str, str | None] | None, counters: dict[str, int], level: Level, value: float, text: str
) -> None:
    found = drops(after(files, **counters))
    assert (found.level, found.value) == (level, value)
    assert found.text.startswith(text)


def test_what_was_dropped_before_hides_nothing_of_what_is_dropped_now() -> None:
    ticks = (make_sample(files=conntrack(drop=900)), make_sample(at=1, files=conntrack(drop=900, insert_failed=5)))
    assert drops(frames(*ticks)[-1]).text.startswith("Dropped per second: 5.0 packets that conntrack could not insert")


def test_the_worst_comes_first() -> None:
    found = drops(after(conntrack(drop=2, early_drop=500), ListenDrops=9, ListenOverflows=9))
    assert found.value == 11
    assert found.text.startswith(
        "Dropped per second: 9.0 connections at a full accept queue, 2.0 packets in conntrack; 500/s conntrack entries"
    )


@pytest.mark.parametrize(("queued", "level"), [(10, "ok"), (110, "warn"), (129, "critical")])
def test_a_filling_accept_queue_warns_before_it_drops(queued: int, level: str) -> None:
    listener = sock("10.0.0.1:80", state="LISTEN", rqueue=queued, wqueue=128)
    assert drops(frame(listener)).level == level


def test_the_fullest_accept_queue_is_named_with_its_process() -> None:
    """By its share, not by its length."""
    long = sock("10.0.0.1:80", state="LISTEN", rqueue=500, wqueue=4095, inode=7)
    full = sock("[::]:8080", state="LISTEN", rqueue=100, wqueue=127, inode=8)
    found = drops(frame(long, full, owners={8: Process(4711, "nginx")}))
    assert found.text.endswith("; the fullest accept queue is that of [::]:8080 (nginx 4711): 100 of 128.")


def test_a_backlog_that_is_unknown_is_no_level() -> None:
    """As by /proc/net/tcp, which tells the length of the queue alone."""
    listener = sock("10.0.0.1:80", state="LISTEN", rqueue=100, wqueue=2**32 - 1)
    assert drops(frame(listener)).level is Level.OK
    assert "10.0.0.1:80: 100 connections wait, its backlog is unknown" in drops(frame(listener)).text


def test_conntrack_counts_when_it_is_there() -> None:
    full = frames(make_sample(conntrack=(990, 1000)))[0]
    assert drops(full).level is Level.WARN
    assert "conntrack is at 99 %" in drops(full).text
    assert drops(full).text.startswith("No listener drops connections, what conntrack drops cannot be read here; ")
    with_its_counters = drops(frames(make_sample(conntrack=(1, 1000), files=conntrack()))[0])
    assert with_its_counters.text.startswith("Neither listeners nor conntrack drop connections; ")
    assert "conntrack" not in drops(frames(make_sample(conntrack=None))[0]).text


@pytest.mark.parametrize(("orphans", "level"), [(9, "ok"), (400, "ok"), (500, "warn"), (1000, "critical")])
def test_orphans_are_told_from_a_hundredth_of_their_limit_on(orphans: int, level: str) -> None:
    sockstat = f"TCP: inuse 0 orphan {orphans} tw 0 alloc {orphans} mem 3\n"
    found = drops(frames(make_sample(files={"net/sockstat": sockstat}, max_orphans=1000))[0])
    assert found.level == level
    assert (f"the machine has {orphans:,} of 1,000 orphans" in found.text) == (orphans >= 10)
    elsewhere = drops(frames(make_sample(files={"net/sockstat": sockstat}, max_orphans=None))[0])
    assert elsewhere.text == "No listener drops connections."
