"""What a source would have counted of connect() calls that found no port."""

import ipaddress
from collections.abc import Mapping

import numpy as np

from twtop.sources.decode_failed_connects import ROW
from twtop.sources.probe import FailureTable

SINCE = 900.0
"""When counting began: before every scene."""


def failed(
    until: float, per_s: Mapping[str, int], seconds: int = 1, since: float = SINCE, lost: int = 0
) -> FailureTable:
    """So many failures to each address, in each of the whole seconds before `until`."""
    rows = np.zeros((len(per_s), seconds), ROW)
    rows["tenth"] = int(until * 10) - 10 * np.arange(seconds)[::-1] - 1
    for row, (address, count) in zip(rows, per_s.items(), strict=True):
        row["count"], row["address"] = count, halves(address)
    return FailureTable(since, until, rows.tobytes(), lost, lost > 0)


def halves(address: str) -> tuple[int, int]:
    """Both halves of an address, as twtop keeps it."""
    ip = ipaddress.ip_address(address)
    integer = int(ip) if ip.version == 6 else 0xFFFF << 32 | int(ip)
    return integer >> 64, integer & (1 << 64) - 1
