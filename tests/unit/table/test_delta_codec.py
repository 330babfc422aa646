"""Deltas as bytes: the same table comes out, whoever reads and writes them, and they are few."""

from dataclasses import replace

import numpy as np
from hypothesis import example, given

from tests.support.delta_by_hand import read, sockets_of, write
from tests.support.drawn_tables import successive, table
from tests.unit.table.test_delta import assert_same, waits
from twtop.model import Addresses, Sockets, TcpState, Timer
from twtop.table.delta import COLUMNS, delta, no_sockets
from twtop.table.delta_codec import HEAD, decode, encode

TIMERS_OF_THE_GONE = (
    table([waits(1, -1), waits(2, 8), waits(3, 9), waits(4, 10), waits(5, 8, timer=0)]),
    table([waits(4)]),
)
"""What is gone by its timer, and what is not."""


@given(successive())
@example(TIMERS_OF_THE_GONE)
def test_the_same_delta_comes_out_whoever_reads_and_writes(tables: tuple[Sockets, Sockets]) -> None:
    before, now = tables
    found = delta(before, now)
    data = encode(found, before)
    there = decode(data, before)
    assert_same(there.applied(before), now)
    assert_same(there.new, found.new)
    for name in ("origin", "address_origin", "step_ms"):
        assert getattr(there, name).tolist() == getattr(found, name).tolist()
    addresses = [[each.addresses.integer(index) for index in range(len(each.addresses))] for each in tables]
    rows = sockets_of(now)
    assert read(data, sockets_of(before), addresses[0]) == (rows, addresses[1])
    assert sockets_of(decode(write(rows), no_sockets()).applied(no_sockets())) == rows


# Size


def crowd(rng: np.random.Generator, count: int, first: int, least_ms: int) -> Sockets:
    """TIME_WAIT to 5,000 destinations, numbered as the kernel does: in the order in which it first dumps them."""
    columns = {name: np.zeros(count, getattr(no_sockets(), name).dtype) for name in COLUMNS}
    columns |= {"identity": (first + np.arange(count)).astype(np.uint64)}
    columns |= {"state": np.full(count, TcpState.TIME_WAIT, np.uint8)}
    columns |= {"timer": np.full(count, Timer.TIMEWAIT, np.uint8)}
    columns |= {"remote": rng.integers(1, 201, count).astype(np.int32)}
    columns |= {"rport": rng.integers(443, 468, count).astype(np.uint16)}
    columns |= {"lport": 2 * rng.integers(16_384, 30_500, count).astype(np.uint16)}
    columns |= {"timer_ms": 4 * rng.integers(least_ms // 4, 15_000, count).astype(np.int32)}
    peers = np.array([0xFFFF0A000001, *(0xFFFF0A010000 + n for n in range(200))], np.uint64)
    return Sockets(Addresses(np.zeros(201, np.uint64), peers), **columns, origin=np.full(count, -1))


def a_second_later(rng: np.random.Generator, before: Sockets, new: Sockets) -> Sockets:
    """The kernel freed what ran out; the new ones stand anywhere; a jiffy passes while the table is walked."""
    kept = before.take(before.timer_ms > 1000)
    kept = replace(kept, timer_ms=kept.timer_ms - np.where(np.arange(len(kept)) < 50_000, 1000, 1004).astype(np.int32))
    place = np.sort(rng.integers(0, len(kept), len(new)))
    columns = {name: np.insert(getattr(kept, name), place, getattr(new, name)) for name in COLUMNS}
    return Sockets(before.addresses, **columns, origin=np.full(len(columns["lport"]), -1))


def test_a_second_of_a_hundred_thousand_sockets_is_less_than_10_kb() -> None:
    rng = np.random.default_rng(1)
    before = crowd(rng, 100_000, 1, 0)
    now = a_second_later(rng, before, crowd(rng, 1500, 200_000, 59_000))
    found = delta(before, now)
    data = encode(found, before)
    assert len(found.gone(before)) > 1500
    assert HEAD.unpack_from(data)[4] == 0  # the timers explain all that are gone
    assert len(data) < 9_200
    assert_same(decode(data, before).applied(before), now)


def test_a_table_that_stands_still_is_some_hundred_bytes() -> None:
    before = crowd(np.random.default_rng(1), 100_000, 1, 5000)
    now = replace(before, timer_ms=before.timer_ms - np.int32(1000))
    assert len(encode(delta(before, now), before)) < 250


def test_a_whole_table_takes_half_a_byte_for_each_identity() -> None:
    """The kernel numbers what is new since the last dump in the order of its table, where that stands anywhere."""
    rng = np.random.default_rng(1)
    now = crowd(rng, 1000, 1, 40_000)
    for second in range(1, 15):
        now = a_second_later(rng, now, crowd(rng, 1000, 1000 * second + 1, 59_000))
    assert len(now) == 15_000
    plain = replace(now, identity=np.zeros(len(now), np.uint64))
    more = len(encode(delta(no_sockets(), now), no_sockets())) - len(encode(delta(no_sockets(), plain), no_sockets()))
    assert more < 7_500
