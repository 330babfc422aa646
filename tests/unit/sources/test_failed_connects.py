"""Messages of freed sockets become counts, and counts become columns, whatever the bytes are."""

import ipaddress
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.failing_connects import by_address
from tests.support.sock_diag_dump import make_sample
from twtop.failed_connects import FailedConnects
from twtop.sources import failed_connects
from twtop.sources.decode import decode
from twtop.sources.decode_failed_connects import ROW, decode_failed_connects
from twtop.sources.failed_connects import MOST_ROWS, TENTHS_KEPT, CountsFailedConnects, Tally
from twtop.sources.freed_sockets import HEAD, KEY, count_failures
from twtop.sources.probe import CollectError, FailureTable, Request
from twtop.sources.source import ReadBy

LINE = r"\A[^\n]{20,120}\Z"
ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.ip_addresses(v=4).map("::ffff:{}".format))


def head(address: str, device: int = 0, **fields: int) -> NDArray[np.void]:
    """The message of a connect() to this address that found no port, unless `fields` say otherwise."""
    made, ip = np.zeros(1, HEAD), ipaddress.ip_address(address)
    values = {"length": 380, "type": 20, "family": 2 if ip.version == 4 else 10, "state": 7, "device": device, **fields}
    for name, value in values.items():
        made[name] = value
    made["remote"] = np.frombuffer(ip.packed.ljust(16, b"\0"), np.uint32)
    return made


def decoded(tally: Tally, **fields: float) -> FailedConnects:
    counted = decode_failed_connects(FailureTable(since=5.0, until=9.0, rows=tally.table(without=set()), **fields))  # type: ignore[arg-type]
    assert counted
    return counted


def columns(*heads: NDArray[np.void], tenth: int = 90) -> FailedConnects:
    tally = Tally()
    tally.add(tenth, count_failures(np.concatenate([np.zeros(0, HEAD), *heads])))
    return decoded(tally)


def kept(address: object) -> str:
    """How twtop keeps an address: a mapped one as IPv4."""
    ip = ipaddress.ip_address(str(address))
    return str(ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else str(ip)


@given(st.lists(ADDRESS.filter(lambda address: int(ipaddress.ip_address(address)) != 0), max_size=40))
def test_each_message_counts_for_its_address(addresses: list[object]) -> None:
    counted = columns(*(head(str(address)) for address in addresses))
    assert by_address(counted) == Counter(kept(address) for address in addresses)
    assert counted.total == len(addresses)


def test_devices_and_times_are_apart() -> None:
    tally = Tally()
    for tenth, device in ((90, 1), (90, 2), (91, 2), (91, 2)):
        tally.add(tenth, count_failures(head("fe80::1", device)))
    counted = decoded(tally)
    rows = zip(counted.tenth.tolist(), counted.device.tolist(), counted.count.tolist(), strict=True)
    assert [*rows] == [(90, 1, 1), (90, 2, 1), (91, 2, 2)]
    assert (counted.since, counted.until) == (5.0, 9.0)


@pytest.mark.parametrize(
    "other",
    [
        *({"ports": 1}, {"state": 1}, {"state": 0}, {"type": 18}, {"type": 3}, {"length": 60}, {"length": 0}),
        *({"family": 0}, {"family": 1}, {"family": 255}),
    ],
)
def test_what_tells_of_anything_else_is_left_out(other: dict[str, int]) -> None:
    assert by_address(columns(head("10.0.0.5", **other), head("10.0.0.6"))) == {"10.0.0.6": 1}


@pytest.mark.parametrize("nowhere", ["0.0.0.0", "::"])
def test_no_remote_address_is_no_failed_connect(nowhere: str) -> None:
    assert columns(head(nowhere)).total == 0


@given(st.binary(max_size=HEAD.itemsize * 20))
def test_any_bytes_are_counted_or_left_out(data: bytes) -> None:
    heads = np.frombuffer(data[: len(data) // HEAD.itemsize * HEAD.itemsize], HEAD)
    assert columns(heads).total <= len(heads)


@given(st.data())
def test_a_changed_byte_changes_one_message_at_most(data: st.DataObject) -> None:
    heads = np.concatenate([head(f"10.0.0.{number}") for number in range(1, 9)])
    raw = bytearray(heads.tobytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    missing = Counter({f"10.0.0.{number}": 1 for number in range(1, 9)}) - by_address(
        columns(np.frombuffer(bytes(raw), HEAD))
    )
    assert set(missing) <= {f"10.0.0.{at // HEAD.itemsize + 1}"}


# Rows of a Sample


@given(st.binary(max_size=200))
def test_any_rows_are_columns_or_one_line(rows: bytes) -> None:
    table = FailureTable(1.0, 2.0, rows)
    if len(rows) % ROW.itemsize:
        with pytest.raises(CollectError, match=LINE):
            decode_failed_connects(table)
    else:
        counted = decode_failed_connects(table)
        assert counted
        assert len(counted.hi) == len(counted.tenth) == len(rows) // ROW.itemsize
        assert counted.total >= 0


@pytest.mark.parametrize("fields", [{"since": math.nan}, {"until": math.inf}, {"lost": -1}])
def test_impossible_figures_are_one_line(fields: dict[str, float]) -> None:
    with pytest.raises(CollectError, match=LINE):
        decode_failed_connects(FailureTable(**{"since": 1.0, "until": 2.0, "rows": b"", **fields}))  # type: ignore[arg-type]


def test_a_snapshot_has_what_its_sample_has() -> None:
    tally = Tally()
    tally.add(90, count_failures(head("10.0.0.5")))
    table = FailureTable(5.0, 9.0, tally.table(without=set()), lost=3, at_least=True)
    counted = decode(replace(make_sample(), failures=table)).failed_connects
    assert counted
    assert (by_address(counted), counted.lost, counted.at_least) == ({"10.0.0.5": 1}, 3, True)


def test_a_snapshot_without_any_does_not_know() -> None:
    assert decode(make_sample()).failed_connects is None


def test_columns_are_immutable() -> None:
    counted = columns(head("10.0.0.5"))
    found = (counted.hi, counted.lo, counted.device, counted.tenth, counted.count)
    assert not any(column.flags.writeable for column in found)


# What waits to be taken


def key(address: str) -> bytes:
    (found,) = count_failures(head(address))
    assert len(found) == KEY.itemsize
    return found


def test_after_a_minute_times_go_and_counts_stay() -> None:
    tally = Tally()
    for tenth in range(1, 2001):
        tally.add(tenth, Counter({key("10.0.0.5"): 2}))
    counted = decoded(tally)
    assert (counted.total, len(counted.count)) == (4000, TENTHS_KEPT + 1)
    assert counted.tenth.tolist() == [2000 - TENTHS_KEPT, *range(2001 - TENTHS_KEPT, 2001)]


def test_more_addresses_than_can_be_kept_are_still_counted() -> None:
    tally = Tally()
    size, more = KEY.itemsize, 1000
    for tenth in range(2):
        tally.add(tenth, Counter(number.to_bytes(size) for number in range(MOST_ROWS // 2 + more)))
    tally.add(1, Counter({(0).to_bytes(size): 5}))
    assert decoded(tally).total == MOST_ROWS + 5
    assert tally.unnamed == 2 * more


def test_what_has_no_route_is_left_out() -> None:
    tally = Tally()
    tally.add(1, Counter({key("::2"): 3, key("::3"): 4}))
    counted = decode_failed_connects(FailureTable(0.0, 1.0, tally.table(without={key("::2")})))
    assert counted
    assert by_address(counted) == {"::3": 4}


@pytest.mark.parametrize(("error", "is_told"), [(OSError("no such group"), False), (AttributeError("a defect"), True)])
def test_what_the_system_refuses_is_unknown_and_a_defect_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, is_told: bool
) -> None:
    def refused(*_: int) -> None:
        raise error

    monkeypatch.setattr(failed_connects, "open_sockets", refused)
    source = CountsFailedConnects(ReadBy(lambda _: make_sample()))
    if is_told:
        with pytest.raises(AttributeError, match="a defect"):
            source.read(Request(failed_connects=True))
    else:
        assert source.read(Request(failed_connects=True)).failures is None
