"""`w` and `twtop explain`: claims with live numbers, and only fixes that would change something."""

from typing import Any

import numpy as np
import pytest

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.explain.explanation import as_text, explain
from twtop.explain.fix import Fix
from twtop.explain.fixes import fixes

RANGE = (32768, 33767)
CLOSE, KEEP, WIDEN = "Let the other side close first", "Keep connections alive", "Widen the port range"
SPREAD, SOURCES = "Spread over more destination ports or addresses", "Connect from more source addresses"
REUSE = "Set tcp_tw_reuse to 1"

PRESSED = many(
    "10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(600), remaining=np.linspace(2, 60, 600)
)
LOOPBACK = many("127.0.0.1", "127.0.0.1:443", "TIME_WAIT", lports=32768 + np.arange(600), remaining=30)
LISTENER = sock("10.0.0.1:80", state="LISTEN")
PILE = many("10.0.0.1:80", "10.0.0.9", "TIME_WAIT", rports=1024 + np.arange(60000), remaining=np.linspace(1, 60, 60000))


def offered(*blocks: Block, **sysctls: Any) -> tuple[Fix, ...]:
    small: dict[str, Any] = {"port_range": RANGE, "tw_reuse": 0}
    [found] = frames(make_sample(*blocks, **small | sysctls))
    return fixes(found)


def named(*blocks: Block, **sysctls: Any) -> list[str]:
    return [fix.what for fix in offered(*blocks, **sysctls)]


def effect(what: str, *blocks: Block, **sysctls: Any) -> str:
    return next(fix.effect for fix in offered(*blocks, **sysctls) if fix.what == what)


def test_a_pressed_destination_gets_all_six_in_order() -> None:
    assert named(PRESSED) == [CLOSE, KEEP, WIDEN, SPREAD, SOURCES, REUSE]


def test_nothing_is_offered_where_nothing_is_short() -> None:
    assert named(sock("10.0.0.1:33000", "10.0.0.5:443")) == []
    assert named() == []


def test_nothing_is_offered_for_time_wait_behind_a_listener() -> None:
    assert named(LISTENER, PILE) == []


def test_for_time_wait_that_fill_the_buckets_two_fixes_are_offered() -> None:
    assert named(LISTENER, PILE, max_tw_buckets=65536) == [CLOSE, KEEP]


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
    assert text.startswith("ip_local_port_range 1024 65535: 64,512 ports, at this rate (")
    assert "never full" in text


def test_reserved_ports_stay_out_of_the_wider_range() -> None:
    assert "64,502 ports" in effect(WIDEN, PRESSED, reserved="32900-32909")


def test_reuse_counts_what_it_would_free_at_once() -> None:
    """Of 600, some ten entered within the last second. The delay excludes these."""
    assert "about 590 of the 600 here" in effect(REUSE, PRESSED)


def test_for_live_connections_alone_only_more_ports_are_offered() -> None:
    live = many("10.0.0.1", "10.0.0.5:443", "ESTABLISHED", lports=32768 + np.arange(900))
    assert named(live) == [WIDEN, SPREAD, SOURCES]


def test_for_bind_first_only_fixes_for_a_shared_budget_are_offered() -> None:
    """Six hundred ports, each used once. connect() would have used some of them for several destinations."""
    bound = [
        many("10.0.0.1", f"10.0.0.{5 + i}:443", "TIME_WAIT", lports=range(32768 + i, 33368 + i, 5), remaining=30)
        for i in range(5)
    ]
    assert named(*bound) == [CLOSE, WIDEN, SOURCES]
    [found] = frames(make_sample(*bound, port_range=RANGE, tw_reuse=0))
    assert found.verdicts[0].value == pytest.approx(0.6)
    assert "10.0.0.1 binds before it connects, so its 5 destinations share one budget" in found.verdicts[0].text
    assert "10.0.0.1 binds first: 600 ports over 5 destinations" in explain(found).claims[5].number


def test_the_claims_carry_live_numbers() -> None:
    sample = make_sample(LISTENER, PILE, PRESSED, port_range=RANGE, tw_reuse=0)
    claims = explain(frames(sample)[0]).claims
    assert [claim.truth for claim in claims] == ["false", "false", "partly", "false", "true", "partly"]
    numbers = [claim.number for claim in claims]
    assert "60,000 accepted connections stand on 1 local port " in numbers[0]
    assert "60,600 TIME_WAIT beside 1,184 open files" in numbers[1]
    assert "sockets per hash bucket" in numbers[2]
    assert "60,000 of 64,512 client ports" in numbers[3]
    assert "B each" in numbers[4]
    assert "10.0.0.1 → 10.0.0.5:443: 600 of 1,000 ports" in numbers[5]


def test_the_claim_about_the_hash_depends_on_the_cliff() -> None:
    even = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(32768, 33768, 2), remaining=30)
    for block, text in ((even, "But here connect() pays"), (PRESSED[:100], "here none is past it")):
        [found] = frames(make_sample(block, port_range=RANGE, tw_reuse=0))
        assert text in explain(found).claims[2].why[1]


@pytest.mark.parametrize(
    ("rfc1337", "text"), [(0, "its retry gets in"), (1, "tcp_rfc1337 is on"), (None, "is unknown here")]
)
def test_the_answer_to_an_old_syn_depends_on_rfc1337(rfc1337: int | None, text: str) -> None:
    [found] = frames(make_sample(rfc1337=rfc1337))
    assert text in explain(found).claims[3].why[1]


def test_as_text_has_every_claim_and_fix() -> None:
    [found] = frames(make_sample(PRESSED, port_range=RANGE, tw_reuse=0))
    whole = explain(found)
    text = as_text(whole)
    assert text.startswith("What happens at 600 TIME_WAIT?\n")
    assert all(claim.claim in text and claim.number in text for claim in whole.claims)
    assert all(f"{i}. {fix.what}" in text for i, fix in enumerate(whole.fixes, 1))
    assert "nothing to fix" in as_text(explain(frames(make_sample())[0]))


def test_a_rate_that_is_not_known_yet_is_left_out() -> None:
    first, second = frames(make_sample(LISTENER, PILE), make_sample(LISTENER, PILE, at=1))
    numbers = [next(each.number for each in explain(found).claims if "RST" in each.claim) for found in (first, second)]
    assert numbers == [
        "at most 60,000 of 64,512 client ports towards one service",
        "at most 60,000 of 64,512 client ports towards one service; 0/s rejected as old",
    ]
    assert "–/s" not in as_text(explain(first))


@pytest.mark.parametrize(("delay_ms", "text"), [(1000, "older than 1 s:"), (250, "older than 0.25 s:")])
def test_the_reuse_delay_is_shown_as_it_was_set(delay_ms: int, text: str) -> None:
    assert text in effect(REUSE, PRESSED, tw_reuse_delay=delay_ms)
