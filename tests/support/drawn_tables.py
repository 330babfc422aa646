"""Two socket tables that hypothesis draws: the second has some sockets of the first, changed or not, and others."""

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from twtop.model import Addresses, Sockets, TcpState, Timer, Timestamps
from twtop.table.delta import LONGEST_MS, no_sockets
from twtop.table.renewal import OF_LIVE_SOCKETS
from twtop.table.socket_table import merged, socket_table

Row = dict[str, Any]
"""A socket: the columns of Sockets, addresses as text."""

IPV4, IPV6 = ("10.0.0.1", "10.0.0.5", "127.0.0.1", "0.0.0.0"), ("fd00::1", "::1", "::")
SMALL, LARGE = st.integers(0, 2), st.sampled_from((0, 1, 2**32 - 1))
TIMES = st.one_of(st.integers(-1, 20), st.integers(59_000, 60_000), st.just(LONGEST_MS))


def table(rows: Sequence[Row], known: Addresses | None = None) -> Sockets:
    """The table of these sockets. Its addresses come behind those that are known, if there are any."""
    if not rows:
        return no_sockets()
    ipv6 = np.array([":" in row["local"] for row in rows])
    local, remote = (np.array([_words(row[side]) for row in rows], np.uint32) for side in ("local", "remote"))
    types = {name: getattr(no_sockets(), name).dtype for name in rows[0]}
    names = [name for name in rows[0] if name not in ("local", "remote")]
    columns = {name: np.array([row[name] for row in rows], types[name]) for name in names}
    found = socket_table(local, remote, ipv6, **columns)
    if known is None:
        return found
    addresses, number = merged(known, found.addresses)
    return replace(found, addresses=addresses, local=number[found.local], remote=number[found.remote])


def _words(address: str) -> list[int]:
    packed = ipaddress.ip_address(address).packed.ljust(16, b"\0")
    return [*struct.unpack(">4I", packed)]


@st.composite
def a_socket(draw: st.DrawFn, identity: int = 0) -> Row:
    """A socket with this identity. Its ends are of few, so that some sockets have the same."""
    here = st.sampled_from(draw(st.sampled_from((IPV4, IPV6))))
    state = draw(st.sampled_from((TcpState.TIME_WAIT, TcpState.TIME_WAIT, *TcpState)))
    timer = Timer.TIMEWAIT if state == TcpState.TIME_WAIT else draw(st.sampled_from(Timer))
    ends = {"local": draw(here), "remote": draw(here), "lport": draw(st.integers(65_530, 65_535)), "rport": 443}
    row = {**ends, "identity": identity, "state": state, "timer": timer, "timer_ms": draw(TIMES), "device": draw(SMALL)}
    live = dict.fromkeys(OF_LIVE_SOCKETS, 0)
    if state != TcpState.TIME_WAIT:
        live |= {"retransmits": draw(st.integers(0, 255)), "timestamps": draw(st.sampled_from(Timestamps))}
        live |= {name: draw(LARGE) for name in ("rqueue", "wqueue", "uid", "inode", "pid")}
    return row | live


def aged(row: Row, ms: int) -> Row:
    """The same socket so much later."""
    left = row["timer_ms"]
    return row | {"timer_ms": min(max(left - ms, 0), LONGEST_MS) if left >= 0 else -1}


@st.composite
def identities(draw: st.DrawFn, count: int) -> list[int]:
    """As a kernel counts, as hashes are, none at all, or a mess of repeated and missing ones."""
    kind = draw(st.sampled_from(("kernel", "hashes", "none", "mess")))
    first = draw(st.integers(1, 2**63))
    some = {
        "kernel": [first + n for n in range(count)],
        "hashes": [(first * (n + 1) * 0x9E3779B97F4A7C15) % 2**64 for n in range(count)],
        "none": [0] * count,
    }
    return some.get(kind) or draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))


@st.composite
def successive(draw: st.DrawFn, most: int = 12) -> tuple[Sockets, Sockets]:
    """(a table, one after it)."""
    numbers = draw(identities(2 * most))
    rows = [draw(a_socket(number)) for number in numbers[: draw(st.integers(0, most))]]
    before, now, step = table(rows), list[Row](), draw(st.integers(-5, 1200))
    for row in rows:
        fate = draw(st.sampled_from(("ages", "ages", "ages", "goes", "changes", "is late")))
        if fate == "changes":
            now.append(draw(a_socket(row["identity"])))
        elif fate != "goes":
            now.append(aged(row, step + (fate == "is late")))
    now += [draw(a_socket(number)) for number in numbers[most : most + draw(st.integers(0, most // 2))]]
    if draw(st.booleans()):
        now = draw(st.permutations(now))
    return before, table(now, before.addresses if draw(st.booleans()) else None)
