"""`w` and `twtop explain` as a whole: what comes first, and as text."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import Block, make_sample, many
from twtop.explain.explanation import Explanation, as_text, explain

NEARLY_FULL, HALF_FULL, QUIET = (
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(count), remaining=30)
    for count in (900, 600, 100)
)


def told(block: Block, netns_name: str = "", max_tw_buckets: int = 131_072) -> Explanation:
    sample = make_sample(block, port_range=(32768, 33767), tw_reuse=0, max_tw_buckets=max_tw_buckets)
    return explain(frames(replace(sample, netns_name=netns_name))[0])


def test_the_text_has_every_claim_and_fix_with_its_lines() -> None:
    whole = told(HALF_FULL)
    text = as_text(whole)
    assert text.startswith("What happens at 600 TIME_WAIT?\n")
    assert all(claim.claim in text and claim.number in text for claim in whole.claims)
    assert whole.fixes
    unwrapped = " ".join(text.split())
    for number, fix in enumerate(whole.fixes, 1):
        assert f"\n{number}. {fix.what}\n" in text
        assert f"{fix.what} {fix.effect}. {' '.join(' '.join(fix.lines).split())} " in unwrapped
        assert all(f"\n        {line}\n" in text for line in fix.lines)


def test_all_but_lines_to_paste_fits_into_eighty_columns() -> None:
    whole = told(NEARLY_FULL)
    text = as_text(whole)
    told_first = text[: text.index(whole.claims[0].claim)]
    assert [line for line in told_first.splitlines() if len(line) > 80] == []


def test_where_nothing_is_short_it_says_so_at_the_end() -> None:
    assert as_text(told(QUIET)).endswith("\nNothing is short here: there is nothing to fix.\n")


@pytest.mark.parametrize(("block", "level"), [(NEARLY_FULL, "CRITICAL"), (HALF_FULL, "WARN")])
def test_what_presses_and_what_would_help_come_before_the_claims(block: Block, level: str) -> None:
    whole = told(block)
    text = " ".join(as_text(whole).split())
    order = [f"PORTS {level}: 10.0.0.5:443 holds {len(block)} of", whole.fixes[0].what, whole.claims[0].claim]
    assert sorted(order, key=text.index) == order


def test_the_worst_comes_first() -> None:
    """Past half of its buckets, and nearly out of ports."""
    whole = told(NEARLY_FULL, max_tw_buckets=1700)
    assert [verdict.title for verdict in whole.pressing] == ["PORTS", "BUCKETS"]


def test_the_note_says_where_a_sysctl_is_in_force() -> None:
    assert "Run sysctl as root. It lasts until the next boot" in as_text(told(HALF_FULL))
    elsewhere = " ".join(as_text(told(HALF_FULL, netns_name="b\x1b[1mlue")).split())
    assert "in the network namespace b␛[1mlue (nsenter" in elsewhere
    assert "sysctl" not in told(QUIET).note
