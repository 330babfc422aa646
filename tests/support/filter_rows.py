"""Sockets noted down as rows, and which of them a filter keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from twtop.filter.mask import mask
from twtop.filter.query import Query
from twtop.model import MAPPED, Addresses, Direction, Mask, Owners, Process, Sockets, TcpState, Timer

IPAddress = IPv4Address | IPv6Address
CLIENT, SERVER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.5")


@dataclass(frozen=True, slots=True)
class Row:
    """One socket as a person would note it down; no process is None."""

    local: IPAddress = CLIENT
    lport: int = 41234
    remote: IPAddress = SERVER
    rport: int = 443
    state: TcpState = TcpState.TIME_WAIT
    timer: Timer = Timer.TIMEWAIT
    timer_ms: int = 30_000
    direction: Direction = Direction.OUTBOUND
    process: str | None = "wrk"


def kept(query: Query, rows: Sequence[Row]) -> Mask:
    """Which of these sockets the query keeps: `mask` over columns made of them."""
    integers = [int(each) | (MAPPED if each.version == 4 else 0) for row in rows for each in (row.local, row.remote)]
    distinct = sorted(set(integers))
    codes = np.array([distinct.index(each) for each in integers], np.int32).reshape(-1, 2)
    zeros = np.zeros(len(rows), np.uint32)
    sockets = Sockets(
        addresses=Addresses(
            np.array([each >> 64 for each in distinct], np.uint64),
            np.array([each & (1 << 64) - 1 for each in distinct], np.uint64),
        ),
        state=np.array([row.state for row in rows], np.uint8),
        timer=np.array([row.timer for row in rows], np.uint8),
        local=codes[:, 0],
        remote=codes[:, 1],
        lport=np.array([row.lport for row in rows], np.uint16),
        rport=np.array([row.rport for row in rows], np.uint16),
        timer_ms=np.array([row.timer_ms for row in rows], np.int32),
        retransmits=zeros.astype(np.uint8),
        device=zeros,
        rqueue=zeros,
        wqueue=zeros,
        uid=zeros,
        inode=zeros,
        pid=zeros,
        timestamps=zeros.astype(np.uint8),
        identity=zeros.astype(np.uint64),
        origin=zeros.astype(np.intp) - 1,
    )
    names = sorted({row.process for row in rows if row.process is not None})
    owner = [-1 if row.process is None else names.index(row.process) for row in rows]
    owners = Owners(
        process=np.array(owner, np.int32),
        inferred=np.zeros(len(rows), np.bool_),
        met=np.zeros(len(rows), np.bool_),
        processes=tuple(Process(pid, name) for pid, name in enumerate(names, start=100)),
    )
    return mask(query, sockets, np.array([row.direction for row in rows], np.uint8), owners)
