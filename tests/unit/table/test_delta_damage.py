"""Damage to the bytes of a delta, and lies in them, are one line or a table in which everything exists."""

import random
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.target import demand
from tests.support.drawn_tables import aged, successive, table
from tests.unit.table.test_delta import assert_same, waits
from twtop.model import Sockets, TcpState, Timer, Timestamps
from twtop.table.delta import COLUMNS, LONGEST_MS, delta, no_sockets
from twtop.table.delta_codec import HEAD, WIDTHS, Part, decode, encode
from twtop.table.packed_columns import Damaged, pack

KINDS = sum(map(len, WIDTHS.values()))
MOST = 2000


def opened(data: bytes) -> tuple[bytearray, bytearray, bytearray]:
    """(head, kinds, what is in the stream)."""
    stream = data[HEAD.size + KINDS :]
    return bytearray(data[: HEAD.size]), bytearray(data[HEAD.size :][:KINDS]), bytearray(zlib.decompress(stream))


def closed(head: bytes | bytearray, kinds: bytes | bytearray, places: bytes | bytearray) -> bytes:
    return bytes(head) + bytes(kinds) + zlib.compress(places)


@settings(max_examples=25)
@given(successive(), st.integers(0, 2**32))
def test_damage_is_refused_or_makes_a_table(tables: tuple[Sockets, Sockets], seed: int) -> None:
    """Damage to the bytes, most of which zlib notices, and lies in what they hold."""
    before, now = tables
    data, chance = encode(delta(before, now), before), random.Random(seed)
    parts = opened(data)
    for _ in range(10):
        damaged, lies = bytearray(data), [bytearray(part) for part in parts]
        for _ in range(chance.randrange(1, 4)):
            change(damaged, chance)
            change(chance.choices(lies, (1, 1, 4))[0], chance)
        for each in (bytes(damaged), closed(*lies)):
            refused_or_whole(each, before)


def change(data: bytearray, chance: random.Random) -> None:
    """Another byte, one less, or one more."""
    at = chance.randrange(len(data) + 1)
    data[at : at + chance.choice((0, 1, 1, 1))] = bytes(chance.choices((0, 1, 2, 255, chance.randrange(256)), k=1))
    if chance.randrange(4) == 0:
        del data[at : at + 1]


def refused_or_whole(data: bytes, before: Sockets) -> None:
    try:
        found = decode(data, before, MOST).applied(before)
    except Damaged as error:
        demand(str(error).isprintable(), "an error is one line")
        return
    assert max(len(found), len(found.addresses)) <= MOST
    assert {*found.state.tolist()} <= {*TcpState}
    assert {*found.timer.tolist()} <= {*Timer}
    assert {*found.timestamps.tolist()} <= {*Timestamps}
    assert found.timer_ms.min(initial=0) >= -1
    assert {*found.local.tolist(), *found.remote.tolist()} <= {*range(len(found.addresses))}
    assert len({len(getattr(found, name)) for name in COLUMNS}) == 1
    assert_same(decode(encode(delta(before, found), before), before).applied(before), found)


def test_it_can_be_cut_off_nowhere() -> None:
    before, now = table([waits(1), waits(2)]), table([aged(waits(2), 40), waits(3)])
    data = encode(delta(before, now), before)
    for end in range(len(data)):
        with pytest.raises(Damaged):
            decode(data[:end], before)
    with pytest.raises(Damaged, match="and then the end"):
        decode(data + b"\0", before)


def test_it_is_not_taken_for_another_tables() -> None:
    before, now = table([waits(1), waits(2)]), table([waits(2), waits(3)])
    data = encode(delta(before, now), before)
    for other in (no_sockets(), table([waits(1)]), table([waits(1), waits(2, remote="10.0.0.6")])):
        with pytest.raises(Damaged, match="it follows a table of 2 sockets and 2 addresses"):
            decode(data, other)


def test_another_version_is_refused() -> None:
    with pytest.raises(Damaged, match="version 2 is unknown, 1 is known"):
        decode(b"\2" + encode(delta(no_sockets(), no_sockets()), no_sockets())[1:], no_sockets())


def test_a_stream_that_swells_takes_no_memory() -> None:
    data = encode(delta(no_sockets(), no_sockets()), no_sockets())
    head, kinds, _ = opened(data)
    bomb = closed(head, kinds, bytes(20_000_000))
    assert refused_within(1_000_000, bomb) == "1 bytes where there should be 0, and then the end"


def test_counts_that_swell_take_no_memory() -> None:
    head = HEAD.pack(1, 0, 0, -1, 0, 0, 0, 0, 1, 0, 2**32 - 1)
    kinds = bytes([1] * KINDS)
    assert "more rows than a table may have" in refused_within(1_000_000, closed(head, kinds, b""))
    for part in (Part.EXCEPTIONS, Part.ORDER, Part.GONE_ADDRESSES, Part.ADDRESS_ORDER, Part.STEPS):
        head = HEAD.pack(1, 0, 0, -1, *(int(each == part) for each in Part))
        assert "more rows than a table may have" in refused_within(1_000_000, closed(head, kinds, b""))
    head = HEAD.pack(1, 0, 0, -1, 0, 0, 0, 0, 1, 0, MOST)
    assert "where there should be" in refused_within(1_000_000, closed(head, kinds, b""))


def refused_within(most: int, data: bytes) -> str:
    """Why it is refused, and that at most so many bytes are taken meanwhile."""
    tracemalloc.start()
    try:
        with pytest.raises(Damaged) as error:
            decode(data, no_sockets(), MOST)
        assert tracemalloc.get_traced_memory()[1] <= most
    finally:
        tracemalloc.stop()
    known, _, why = str(error.value).partition(": ")
    assert known == "socket table is damaged"
    return why


def test_a_table_may_not_grow_beyond_the_most() -> None:
    before = table([waits(n) for n in range(1, 5)])
    now = table([waits(n) for n in range(1, 8)])
    data = encode(delta(before, now), before)
    assert len(decode(data, before, 7).applied(before)) == 7
    with pytest.raises(Damaged, match="more than 6"):
        decode(data, before, 6)
    far = table([waits(n, remote=f"10.0.1.{n}") for n in range(1, 4)], before.addresses)
    data = encode(delta(before, far), before)
    assert len(decode(data, before, 5).applied(before).addresses) == 5
    with pytest.raises(Damaged, match="more than 4"):
        decode(data, before, 4)


Lie = tuple[Part, int, list[int], str]
"""(part, column of it, other numbers in its first rows, why it is refused)."""
NEW = {name: number for number, name in enumerate(COLUMNS, start=1)}
LIES: dict[str, Lie] = {
    "state 0": (Part.NEW, NEW["state"], [0], "a state that"),
    "state 12": (Part.NEW, NEW["state"], [12], "a state that"),
    "timer 5": (Part.NEW, NEW["timer"], [5], "a timer that"),
    "timestamps 3": (Part.NEW, NEW["timestamps"], [3], "a timestamps that"),
    "time beyond all": (Part.NEW, NEW["timer_ms"], [LONGEST_MS + 2], "a timer_ms that"),
    "no such address": (Part.NEW, NEW["remote"], [3], "a remote that"),
    "address -1": (Part.NEW, NEW["local"], [2**32 - 1], "a local that"),
    "beyond the end": (Part.NEW, 0, [7], "beyond the end"),
    "one place twice": (Part.NEW, 0, [1, 1], "in one place"),
    "address beyond the end": (Part.NEW_ADDRESSES, 0, [4], "beyond the end"),
    "row that is none": (Part.EXCEPTIONS, 0, [0, 9], "do not exist"),
    "a row twice": (Part.EXCEPTIONS, 0, [2, 2], "do not ascend"),
    "rows that descend": (Part.EXCEPTIONS, 0, [2, 0], "do not ascend"),
    "an order with a row that is none": (Part.ORDER, 1, [9, 0], "an order that"),
    "an order from before the first": (Part.ORDER, 1, [2**64 - 4], "an order that"),
    "an order far beyond the last": (Part.ORDER, 1, [2, 0, 9], "an order that"),
    "an order with a row twice": (Part.ORDER, 1, [1, 1], "an order that"),
    "an order that goes too far": (Part.ORDER, 1, [2, 0, 4], "an order that"),
    "an order that begins behind the end": (Part.ORDER, 0, [0, 9], "do not exist"),
    "a step behind the end": (Part.STEPS, 0, [9], "do not exist"),
    "a step beyond all": (Part.STEPS, 1, [LONGEST_MS + 1], "lost more than"),
    "a step before all": (Part.STEPS, 1, [2**64 - LONGEST_MS - 1], "lost more than"),
    "an address gone that is had": (Part.GONE_ADDRESSES, 0, [0], "an address is gone"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_no_table_has_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part, number, words, why = LIES[name]
    old = {number: waits(number, 9000) for number in (2, 4, 5, 8, 9)}
    before = table([waits(1), old[2], waits(3, remote="10.0.0.8"), old[4], old[5], old[8], old[9]])
    later = {number: aged(row, 40) for number, row in old.items()}
    now = table([later[5], waits(6), later[2], waits(7, remote="10.0.0.9"), later[4], later[8], later[9]])
    lied = []

    def lies(columns: list[Any]) -> bytes:
        at = sum(len(WIDTHS[each]) for each in Part if each < part) + number
        columns[at] = columns[at].astype(np.uint64)
        columns[at][: len(words)] = words
        lied.append(len(columns[at]) >= len(words))
        return pack(columns)

    found = delta(before, now)
    assert_same(decode(encode(found, before), before).applied(before), now)
    monkeypatch.setattr("twtop.table.delta_codec.pack", lies)
    data = encode(found, before)
    assert lied == [True]
    with pytest.raises(Damaged, match=why):
        decode(data, before)
