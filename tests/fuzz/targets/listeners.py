"""Messages about listeners and freed sockets, rows of failed connects and of psutil: the smaller decoders."""

import struct

import numpy as np

from tests.fuzz.target import Target, demand
from twtop.sources.decode_failed_connects import ROW, decode_failed_connects
from twtop.sources.decode_listeners import decode_listener_drops
from twtop.sources.freed_sockets import HEAD, KEY, count_failures
from twtop.sources.probe import CollectError, FailureTable
from twtop.sources.psutil_source import COLUMNS, decode_rows

LENGTH, DROPS = 88, 8


def check(data: bytes) -> None:
    _listeners(data)
    _failed_connects(data)
    _psutil(data)
    heads = np.frombuffer(data[: len(data) // HEAD.itemsize * HEAD.itemsize], HEAD)
    counted = count_failures(heads)
    demand(counted.total() <= len(heads) and all(len(key) == KEY.itemsize for key in counted), "more than there are")


def _listeners(data: bytes) -> None:
    plain: dict[int, int] = {}
    at = 0
    while at < len(data):
        length = struct.unpack_from("=I", data, at)[0] if len(data) - at >= LENGTH else 0
        if not LENGTH <= length <= len(data) - at:
            break
        drops = _drops(data[at + LENGTH : at + length])
        if drops is not None:
            plain[struct.unpack_from("=I", data, at + LENGTH - 4)[0]] = drops
        at += (length + 3) // 4 * 4
    try:
        found = decode_listener_drops(data)
    except CollectError:
        demand(at < len(data), "these messages are whole, and were refused")
        return
    demand(found == plain, f"{found} instead of {plain}")


def _drops(rest: bytes) -> int | None:
    """The ninth word of the first attribute 7 (INET_DIAG_SKMEMINFO)."""
    while len(rest) >= 4:
        size, kind = struct.unpack_from("=HH", rest)
        if size < 4:
            return None
        if kind == 7:
            words = struct.unpack(f"={len(rest[4:size]) // 4}I", rest[4:size][: len(rest[4:size]) // 4 * 4])
            return words[DROPS] if len(words) > DROPS else None
        rest = rest[(size + 3) // 4 * 4 :]
    return None


def _failed_connects(data: bytes) -> None:
    try:
        found = decode_failed_connects(FailureTable(1.0, 2.0, data))
    except CollectError:
        demand(len(data) % ROW.itemsize, "these rows are whole, and were refused")
        return
    assert found is not None
    plain = [struct.unpack_from("<qII", data, at) for at in range(0, len(data), 32)]
    demand([*zip(found.tenth, found.count, found.device, strict=True)] == plain, "other rows than there are")


def _psutil(data: bytes) -> None:
    try:
        sockets = decode_rows(data)
    except CollectError:
        demand(len(data) % COLUMNS.itemsize, "these rows are whole, and were refused")
        return
    demand(len(sockets) <= len(data) // COLUMNS.itemsize, "more sockets than rows")


TARGET = Target(check)
