"""What would help here: only fixes that would change something, each with figures, a promise and lines to paste."""

import math
import re
from typing import Any

import numpy as np
import pytest

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.explain.fix import Fix, Promise
from twtop.explain.fixes import fixes

RANGE = (32768, 33767)
CHOOSE = "Let connect() choose the port"
CLOSE, KEEP, WIDEN = "Let the other side close first", "Keep connections alive", "Widen the port range"
SPREAD, SOURCES = "Spread over more destination ports or addresses", "Connect from more source addresses"
REUSE, BUCKETS = "Set tcp_tw_reuse to 1", "Raise tcp_max_tw_buckets"

PRESSED = many(
    "10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(600), remaining=np.linspace(2, 60, 600)
)
FULL = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(1000), remaining=np.linspace(2, 40, 1000))
LOOPBACK = many("127.0.0.1", "127.0.0.1:443", "TIME_WAIT", lports=32768 + np.arange(600), remaining=30)
LISTENER = sock("10.0.0.1:80", state="LISTEN")
PILE = many("10.0.0.1:80", "10.0.0.9", "TIME_WAIT", rports=1024 + np.arange(60000), remaining=np.linspace(1, 60, 60000))
BOUND = [
    many(
        "10.0.0.1",
        f"10.0.0.{5 + i}:443",
        "TIME_WAIT",
        lports=range(32768 + i, 33368 + i, 5),
        remaining=np.linspace(2, 60, 120),
    )
    for i in range(5)
]
"""Six hundred ports, each used once. connect() would have used some of them for several destinations."""


def offered(*blocks: Block, **sysctls: Any) -> tuple[Fix, ...]:
    small: dict[str, Any] = {"port_range": RANGE, "tw_reuse": 0}
    [found] = frames(make_sample(*blocks, **small | sysctls))
    return fixes(found)


def named(*blocks: Block, **sysctls: Any) -> list[str]:
    return [fix.what for fix in offered(*blocks, **sysctls)]


def one(what: str, *blocks: Block, **sysctls: Any) -> Fix:
    return next(fix for fix in offered(*blocks, **sysctls) if fix.what == what)


def effect(what: str, *blocks: Block, **sysctls: Any) -> str:
    return one(what, *blocks, **sysctls).effect


def promise(what: str, *blocks: Block, **sysctls: Any) -> Promise:
    found = one(what, *blocks, **sysctls).promise
    assert found
    return found


def test_a_pressed_destination_gets_all_six_in_order() -> None:
    assert named(PRESSED) == [CLOSE, KEEP, WIDEN, SPREAD, SOURCES, REUSE]


def test_nothing_is_offered_where_nothing_is_short() -> None:
    assert named(sock("10.0.0.1:33000", "10.0.0.5:443")) == []
    assert named() == []


def test_nothing_is_offered_for_time_wait_behind_a_listener() -> None:
    assert named(LISTENER, PILE) == []


def test_for_time_wait_that_fill_the_buckets_three_fixes_are_offered() -> None:
    assert named(LISTENER, PILE, max_tw_buckets=65536) == [CLOSE, KEEP, BUCKETS]
    assert one(BUCKETS, LISTENER, PILE, max_tw_buckets=65536).lines == ("sysctl -w net.ipv4.tcp_max_tw_buckets=131072",)


def test_the_rate_for_the_buckets_has_what_skips_time_wait() -> None:
    samples = [
        make_sample(LISTENER, PILE, at=at, max_tw_buckets=60_000, counters={"TW": 0, "TCPTimeWaitOverflow": 5000 * at})
        for at in (0, 1)
    ]
    first, second = frames(*samples)
    unknown, known = (next(fix for fix in fixes(found) if fix.what == BUCKETS) for found in (first, second))
    assert "the present rate is unknown" in unknown.effect
    assert known.promise
    assert known.promise.held >= 5000 * 60


@pytest.mark.parametrize("sysctls", [{"timestamps": 0}, {"tw_reuse": 1}, {"tw_reuse": None}, {"timestamps": None}])
def test_tw_reuse_is_not_offered_where_it_would_do_nothing(sysctls: dict[str, Any]) -> None:
    full = many("10.0.0.1", "10.0.0.5:443", "ESTABLISHED", lports=32768 + np.arange(550))
    assert REUSE not in named(PRESSED[550:], full, **sysctls)


def test_tw_reuse_is_not_offered_for_loopback_where_that_is_on() -> None:
    assert REUSE in named(LOOPBACK, tw_reuse=0)
    assert named(LOOPBACK, tw_reuse=2) == []


def test_the_widest_range_is_not_widened() -> None:
    most = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=1024 + np.arange(40000), remaining=30)
    assert WIDEN not in named(most, port_range=(1024, 65535))


def test_a_wider_range_comes_with_its_figures() -> None:
    text = effect(WIDEN, PRESSED)
    assert text.startswith("64,512 ports instead of 1,000: at this rate (10/s) never full, up to 1,0")


def test_what_is_reserved_listened_on_or_bound_stays_out_of_the_wider_range() -> None:
    """Wherever it stands in it, and whatever the address."""
    held = [
        sock("10.0.0.7:8080", state="LISTEN"),
        sock("[::]:9090", state="LISTEN"),
        sock("10.0.0.1:2000", state="CLOSE"),
    ]
    fix = one(WIDEN, PRESSED, *held, reserved="900-1033,32900-32909")
    assert fix.promise
    assert fix.promise.room == 64_512 - 20 - 3
    assert "64,489 ports instead of 990, without 23 reserved, listening or bound: at this rate" in fix.effect


def test_where_what_is_reserved_is_unknown_the_wider_range_is_at_most() -> None:
    assert effect(WIDEN, PRESSED, reserved=None).startswith("at most 64,512 ports")


def test_the_wider_range_keeps_the_parity_of_the_low_end_and_an_even_size() -> None:
    assert one(WIDEN, PRESSED).lines == ('sysctl -w net.ipv4.ip_local_port_range="1024 65535"',)
    odd = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32769 + np.arange(600), remaining=30)
    assert one(WIDEN, odd, port_range=(32769, 33768)).lines[0].endswith('"1025 65534"')


def test_reuse_counts_what_it_would_free_at_once() -> None:
    """Of 600, some ten entered within the last second. The delay excludes these."""
    assert "about 590 of the 600 here" in effect(REUSE, PRESSED)


@pytest.mark.parametrize(("delay_ms", "text"), [(1000, "older than 1 s:"), (250, "older than 0.25 s:")])
def test_the_reuse_delay_is_shown_as_it_was_set(delay_ms: int, text: str) -> None:
    assert text in effect(REUSE, PRESSED, tw_reuse_delay=delay_ms)


def test_for_live_connections_alone_only_more_ports_are_offered() -> None:
    live = many("10.0.0.1", "10.0.0.5:443", "ESTABLISHED", lports=32768 + np.arange(900))
    assert named(live) == [WIDEN, SPREAD, SOURCES]


def test_for_bind_first_only_fixes_for_a_shared_budget_are_offered() -> None:
    assert named(*BOUND) == [CHOOSE, CLOSE, KEEP, WIDEN, SOURCES]
    assert "IP_BIND_ADDRESS_NO_PORT" in one(CHOOSE, *BOUND).lines[0]
    assert promise(CHOOSE, *BOUND).room == 5 * 1000


def test_of_destinations_that_are_not_alike_the_fullest_one_bounds_the_rate() -> None:
    """Half of the connections go to the first of five."""
    alike = promise(CHOOSE, *BOUND).max_per_s
    moved = [*BOUND[:1], *(block.copy() for block in BOUND[1:])]
    for block in moved[1:]:
        block["remote"][:45], block["rport"][:45] = BOUND[0]["remote"][0], 443
    assert promise(CHOOSE, *moved).max_per_s == pytest.approx(alike * 2 / 5)


def test_the_maximum_is_what_bursts_of_the_timer_wheel_leave() -> None:
    """A port comes back within 60 s and one move of the wheel, 2.048 s at 250 Hz."""
    assert promise(SPREAD, LOOPBACK).max_per_s == pytest.approx(promise(SPREAD, LOOPBACK).room / 62.048)
    assert promise(CLOSE, LOOPBACK) == Promise(1000, 0, math.inf)


def test_of_a_full_budget_it_is_the_last_known_rate() -> None:
    """Only the connects that succeed are in the table, and now there are none."""
    found = offered(FULL)
    assert [fix.what for fix in found] == [CLOSE, KEEP, WIDEN, SPREAD, SOURCES, REUSE]
    known = "the last known rate (26/s)"
    assert [fix.what for fix in found if known in fix.effect] == [KEEP, WIDEN, SPREAD, SOURCES, REUSE]


def test_a_rate_that_nobody_can_know_is_said_to_be_unknown() -> None:
    found = offered(many("10.0.0.1", "10.0.0.5:443", "ESTABLISHED", lports=32768 + np.arange(1000)))
    unknown = "the present rate is unknown, because nobody counts the connects that fail"
    assert [fix.what for fix in found if unknown in fix.effect] == [WIDEN, SPREAD, SOURCES]
    assert [fix.what for fix in found if "(0/s)" in fix.effect or "nan" in fix.effect or "–" in fix.effect] == []
    assert all(math.isnan(fix.promise.held) for fix in found if fix.promise)


def test_lines_to_paste_hold_nothing_but_plain_characters() -> None:
    for fix in (*offered(PRESSED), *offered(*BOUND), *offered(LISTENER, PILE, max_tw_buckets=65536)):
        assert fix.lines
        for line in fix.lines:
            assert line.isprintable()
            assert "tw_recycle" not in line


@pytest.mark.parametrize(("port", "sign"), [(443, "+"), (65530, "-")])
def test_more_destination_ports_are_ports(port: int, sign: str) -> None:
    """Sixteen at most, the present one among them, which listens already."""
    full = many("10.0.0.1", f"10.0.0.5:{port}", "TIME_WAIT", lports=32768 + np.arange(900), remaining=59)
    listen, connect = one(SPREAD, full).lines
    found = re.match(rf'sock\.connect\(\("10\.0\.0\.5", {port} \{sign} n % (\d+)\)\)', connect)
    assert found
    number = int(found[1])
    assert 2 < number <= 16
    low, high = (port + 1, port + number - 1) if sign == "+" else (port - number + 1, port - 1)
    assert listen.startswith(f"listen {low}-{high};")


def test_one_more_destination_port_is_no_range() -> None:
    assert one(SPREAD, PRESSED).lines[0].startswith("listen 444;")
