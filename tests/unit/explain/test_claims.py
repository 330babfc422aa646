"""The common claims, each with a live number."""

import numpy as np
import pytest

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.explain.claims import claims

RANGE = (32768, 33767)

PRESSED = many(
    "10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(600), remaining=np.linspace(2, 60, 600)
)
LISTENER = sock("10.0.0.1:80", state="LISTEN")
PILE = many("10.0.0.1:80", "10.0.0.9", "TIME_WAIT", rports=1024 + np.arange(60000), remaining=np.linspace(1, 60, 60000))


def test_who_binds_first_is_named_with_what_it_holds() -> None:
    """Six hundred ports, each used once. connect() would have used some of them for several destinations."""
    bound = [
        many("10.0.0.1", f"10.0.0.{5 + i}:443", "TIME_WAIT", lports=range(32768 + i, 33368 + i, 5), remaining=30)
        for i in range(5)
    ]
    [found] = frames(make_sample(*bound, port_range=RANGE, tw_reuse=0))
    assert found.verdicts[0].value == pytest.approx(0.6)
    assert "10.0.0.1 binds before it connects, so its 5 destinations share one budget" in found.verdicts[0].text
    assert "10.0.0.1 binds first: 600 ports over 5 destinations" in claims(found)[5].number


def test_the_claims_carry_live_numbers() -> None:
    sample = make_sample(LISTENER, PILE, PRESSED, port_range=RANGE, tw_reuse=0)
    found = claims(frames(sample)[0])
    assert [claim.truth for claim in found] == ["false", "false", "partly", "false", "true", "partly"]
    numbers = [claim.number for claim in found]
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
        assert text in claims(found)[2].why[1]


@pytest.mark.parametrize(
    ("rfc1337", "text"), [(0, "its retry gets in"), (1, "tcp_rfc1337 is on"), (None, "is unknown here")]
)
def test_the_answer_to_an_old_syn_depends_on_rfc1337(rfc1337: int | None, text: str) -> None:
    [found] = frames(make_sample(rfc1337=rfc1337))
    assert text in claims(found)[3].why[1]


def test_a_rate_that_is_not_known_yet_is_left_out() -> None:
    first, second = frames(make_sample(LISTENER, PILE), make_sample(LISTENER, PILE, at=1))
    numbers = [next(each.number for each in claims(found) if "RST" in each.claim) for found in (first, second)]
    assert numbers == [
        "at most 60,000 of 64,512 client ports towards one service",
        "at most 60,000 of 64,512 client ports towards one service; 0/s rejected as old",
    ]
    assert "–/s" not in "".join(claim.number for claim in claims(first))
