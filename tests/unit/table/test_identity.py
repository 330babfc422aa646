"""Sockets whose source tells no identity have that of the one with the same ends, unless they must be others."""

from typing import Any

import numpy as np
import pytest

from tests.support.sock_diag_dump import Block, encode, many, sock
from twtop.model import Sockets, Timer
from twtop.sources.decode_sock_diag import decode_dump
from twtop.table.identity import identified

ENDS = "10.0.0.1:40000", "10.0.0.5:443"
OTHERS = many("10.0.0.1", "10.0.0.6:443", "TIME_WAIT", lports=range(100), remaining=np.linspace(20, 50, 100))
LATER = many("10.0.0.1", "10.0.0.6:443", "TIME_WAIT", lports=range(100), remaining=np.linspace(19, 49, 100))


def table(*blocks: Block, before: Sockets | None = None) -> Sockets:
    return decode_dump(encode(*blocks), before)


def test_equal_ends_are_the_same_socket_and_others_are_none() -> None:
    before = table(sock(*ENDS), OTHERS)
    now = table(sock("10.0.0.2:40000", "10.0.0.5:443"), LATER, sock(*ENDS), before=before)
    assert len(set(before.identity.tolist())) == 101
    assert now.origin.tolist() == [-1, *range(1, 101), 0]
    assert now.identity[1:].tolist() == [*before.identity[1:], before.identity[0]]
    assert now.identity[0] not in before.identity


@pytest.mark.parametrize(
    "ends",
    [
        ("10.0.0.2:40000", "10.0.0.5:443"),
        ("10.0.0.1:40001", "10.0.0.5:443"),
        ("10.0.0.1:40000", "10.0.0.6:443"),
        ("10.0.0.1:40000", "10.0.0.5:444"),
        ("10.0.0.5:443", "10.0.0.1:40000"),
    ],
)
def test_each_part_of_the_ends_counts(ends: tuple[str, str]) -> None:
    assert table(sock(*ends)).identity != table(sock(*ENDS)).identity


def test_the_device_counts_and_so_does_the_inode_of_a_listener() -> None:
    assert table(sock(*ENDS, device=3)).identity != table(sock(*ENDS)).identity
    first, second = table(*(sock("0.0.0.0:80", state="LISTEN", inode=inode) for inode in (1, 2))).identity
    assert first != second


CLOSED = {"state": "FIN_WAIT2", "timer": Timer.TIMEWAIT}


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({"state": "ESTABLISHED", "inode": 7}, {"state": "TIME_WAIT", "remaining": 60}, True),
        ({"state": "ESTABLISHED", "inode": 7}, {"state": "ESTABLISHED", "inode": 8}, False),
        ({"state": "SYN_SENT"}, {"state": "ESTABLISHED", "inode": 8}, True),
        ({"state": "ESTABLISHED"}, {"state": "SYN_SENT"}, False),
        ({"state": "TIME_WAIT", "remaining": 30}, {"state": "TIME_WAIT", "remaining": 29}, True),
        ({"state": "TIME_WAIT", "remaining": 30}, {"state": "TIME_WAIT", "remaining": 60}, False),
        ({"state": "TIME_WAIT", "remaining": 60}, {"state": "TIME_WAIT", "remaining": 59.8}, False),
        ({"state": "TIME_WAIT", "remaining": 0}, {"state": "TIME_WAIT", "remaining": 0}, True),
        ({"state": "TIME_WAIT", "remaining": 30}, {"state": "ESTABLISHED"}, False),
        (CLOSED | {"remaining": 30}, {"state": "TIME_WAIT", "remaining": 60}, True),
        (CLOSED | {"remaining": 30}, CLOSED | {"remaining": 60}, False),
    ],
)
def test_what_cannot_be_the_same_socket_is_another(before: dict[str, Any], now: dict[str, Any], same: bool) -> None:
    then = table(sock(*ENDS, **before), OTHERS)
    found = table(sock(*ENDS, **now), LATER, before=then)
    assert (found.identity[0] == then.identity[0]) == same
    assert (found.origin[0] == 0) == same
    assert (found.identity[1:] == then.identity[1:]).all()


def test_a_tuple_that_is_taken_anew_again_and_again_is_another_one_each_time() -> None:
    found, seen = None, set()
    for number in range(6):
        left = 60 if number % 2 else 30
        found = table(sock(*ENDS, "TIME_WAIT", remaining=left), LATER if number else OTHERS, before=found)
        seen.add(int(found.identity[0]))
    assert len(seen) == 4  # it lost 30 s three times, as none of the others did: then it may be the same one


def test_what_the_source_tells_stays() -> None:
    block = sock(*ENDS)
    block["cookie"] = np.array([7], np.uint64).view("V8")
    known = table(block)
    assert identified(known, None) is known
