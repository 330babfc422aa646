"""What the kernel said, in the words of the field: states, addresses, sockets, limits, snapshots.

Everything is immutable; arrays are read-only and one entry long per socket unless a docstring says otherwise.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


Rows = NDArray[np.intp]


Codes = NDArray[np.int32]


Counts = NDArray[np.int64]


Floats = NDArray[np.float64]


MAPPED = 0xFFFF << 32
"""Low half of ::ffff:0.0.0.0, under which every IPv4 address is kept."""

UNKNOWN_QUEUE = 2**32 - 1
"""In `wqueue` of a listener: how long its accept queue may get is unknown."""

PORTS = 65536
EPHEMERAL_CLIENT_PORTS = 64512
"""Ports 1024–65535: the most that one client address can use towards one server port."""

TIMEWAIT_MS = 60_000
"""TCP_TIMEWAIT_LEN of include/net/tcp.h: a constant, whatever tcp_fin_timeout says."""


class TcpState(enum.IntEnum):
    """include/net/tcp_states.h. CLOSE in a dump is a socket that is bound but not connected."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSE = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11


class Timer(enum.IntEnum):
    """idiag_timer of linux/inet_diag.h."""

    OFF = 0
    RETRANSMIT = 1
    KEEPALIVE = 2
    TIMEWAIT = 3
    PROBE = 4


class Direction(enum.IntEnum):
    """Who opened the connection, as far as ports and listeners tell."""

    UNKNOWN = 0
    OUTBOUND = 1
    INBOUND = 2


def freeze(*arrays: NDArray[Any] | None) -> None:
    """Make arrays read-only, so that threads can share them."""
    for array in arrays:
        if array is not None:
            array.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class Addresses:
    """Distinct addresses of a snapshot, 128 bits each as two halves; IPv4 and mapped IPv6 are the same here."""

    hi: NDArray[np.uint64]
    lo: NDArray[np.uint64]

    def __post_init__(self) -> None:
        freeze(self.hi, self.lo)

    def __len__(self) -> int:
        return len(self.lo)

    @property
    def bits(self) -> int:
        """How many bits an index into these addresses takes."""
        return len(self).bit_length()

    def integer(self, index: int) -> int:
        """One address as a 128-bit number."""
        return int(self.hi[index]) << 64 | int(self.lo[index])

    def within(self, network: int, bits: int) -> Mask:
        """Which addresses share their first `bits` of 128 with `network`."""
        kept = (1 << 128) - (1 << (128 - bits))
        hi, lo = kept >> 64, kept & (1 << 64) - 1
        same_hi: Mask = (self.hi ^ np.uint64(network >> 64)) & np.uint64(hi) == 0
        same_lo: Mask = (self.lo ^ np.uint64(network & (1 << 64) - 1)) & np.uint64(lo) == 0
        return same_hi & same_lo

    @property
    def rank(self) -> NDArray[np.int64]:
        """Each address's place in ascending order."""
        rank = np.empty(len(self), np.int64)
        rank[np.lexsort((self.lo, self.hi))] = np.arange(len(self))
        return rank

    @property
    def is_ipv4(self) -> Mask:
        ipv4: Mask = (self.hi == 0) & (self.lo >> np.uint64(32) == 0xFFFF)
        return ipv4

    @property
    def is_wildcard(self) -> Mask:
        wildcard: Mask = (self.hi == 0) & ((self.lo == 0) | (self.lo == MAPPED))
        return wildcard

    @property
    def is_loopback(self) -> Mask:
        ipv6: Mask = (self.hi == 0) & (self.lo == 1)
        ipv4: Mask = self.is_ipv4 & (self.lo >> np.uint64(24) & np.uint64(0xFF) == 127)
        return ipv6 | ipv4


@dataclass(frozen=True, slots=True, eq=False)
class Sockets:
    """Columns over sockets. `local` and `remote` are indexes into `addresses`.

    `timer_ms` is the time left on `timer` in ms, −1 where no timer runs or it is unknown. A TIME_WAIT has uid 0
    and inode 0, which means no owner (inet_twsk_diag_fill). `device` is the interface a socket is bound to, 0 for none.

    `is_time_wait` leaves out the FIN_WAIT2 that are timewait objects too; `is_connection` are sockets with a peer,
    neither listening nor merely bound; `age_ms` is the time since a TIME_WAIT was entered, −1 for every other socket
    and for an unknown timer.
    """

    addresses: Addresses
    state: NDArray[np.uint8]
    timer: NDArray[np.uint8]
    local: Codes
    remote: Codes
    lport: NDArray[np.uint16]
    rport: NDArray[np.uint16]
    timer_ms: Codes
    device: NDArray[np.uint32]
    rqueue: NDArray[np.uint32]
    wqueue: NDArray[np.uint32]
    uid: NDArray[np.uint32]
    inode: NDArray[np.uint32]
    is_time_wait: Mask = field(init=False)
    is_connection: Mask = field(init=False)
    age_ms: Codes = field(init=False)

    def __post_init__(self) -> None:
        # What every analysis asks for, some of them several times.
        waits = self.state == TcpState.TIME_WAIT
        age = np.where(waits & (self.timer_ms >= 0), np.maximum(TIMEWAIT_MS - self.timer_ms, 0), np.int32(-1))
        object.__setattr__(self, "is_time_wait", waits)
        object.__setattr__(self, "is_connection", (self.state != TcpState.LISTEN) & (self.state != TcpState.CLOSE))
        object.__setattr__(self, "age_ms", age)
        freeze(*(getattr(self, f.name) for f in fields(self)[1:]))

    def __len__(self) -> int:
        return len(self.state)

    def take(self, rows: Rows | Mask) -> "Sockets":
        """The same table with only these rows, in this order."""
        return Sockets(self.addresses, *(getattr(self, f.name)[rows] for f in fields(self)[1:] if f.init))


@dataclass(frozen=True, slots=True)
class Limits:
    """Sysctls of the namespace; None where this kernel has no such file or it cannot be read.

    `ehash_entries` is without the sign that marks a table shared with the parent namespace.
    """

    port_range: tuple[int, int] | None
    reserved: tuple[tuple[int, int], ...] | None
    tw_reuse: int | None
    tw_reuse_delay_ms: int | None
    timestamps: int | None
    max_tw_buckets: int | None
    ehash_entries: int | None
    rfc1337: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One decoded Sample. `counters` only ever grow, `gauges` go up and down; an absent name is unknown.

    `sockets` are as they were at `dumped`, on the clock of `mono`: the same moment, or an earlier one where only the
    counters were read. Their timers come in whole units of `timer_unit_ms`. Where they are a `part`, the kernel
    left out what a filter drops. `holders` is what the source itself says of who holds them, None where that has to be
    searched for: then `inode` is the pid of the holder, and no socket's uid is known.
    """

    time: float
    mono: float
    dumped: float
    cpu: float
    collect_s: float
    host: str
    kernel: str
    netns: str
    source: str
    sockets: Sockets
    limits: Limits
    counters: Mapping[str, int]
    gauges: Mapping[str, int]
    timer_unit_ms: int = 1
    load: str = ""
    netns_name: str = ""
    notice: str = ""
    part: bool = False
    holders: "Mapping[int, Process] | None" = None

    @property
    def age_s(self) -> float:
        """How old the sockets are."""
        return self.mono - self.dumped

    def times_ms(self, rows: Rows | Mask) -> tuple[Codes, Codes]:
        """(time left, age) of these sockets, −1 for unknown. Timewait timers have gone on since the sockets were read;
        any other is as it was, for it may have been set again."""
        sockets = self.sockets
        left, age, passed = sockets.timer_ms[rows], sockets.age_ms[rows], np.int32(self.age_s * 1000)
        goes_on = (sockets.timer[rows] == Timer.TIMEWAIT) & (left >= 0)
        return np.where(goes_on, np.maximum(left - passed, 0), left), np.where(age >= 0, age + passed, age)


@dataclass(frozen=True, slots=True)
class Process:
    """A process as /proc names it; the name is from outside and may hold anything."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Owners:
    """Who holds each socket, or held it last: an index into `processes`, −1 where unknown.

    `inferred` marks what was not seen but concluded from other sockets. An owner without that mark of a socket without
    an inode was seen while the connection lived. `hidden` counts sockets of other users' processes, which may not be
    read.
    """

    process: Codes
    inferred: Mask
    processes: tuple[Process, ...]
    hidden: int = 0

    def __post_init__(self) -> None:
        freeze(self.process, self.inferred)

    @classmethod
    def unknown(cls, sockets: Sockets) -> "Owners":
        """Nobody was searched for."""
        return cls(np.full(len(sockets), -1, np.int32), np.zeros(len(sockets), np.bool_), ())


@dataclass(frozen=True, slots=True)
class Target:
    """A namespace as the user calls it, printable, and the paths that lead to it: it is gone when none does."""

    name: str
    paths: tuple[str, ...]
    how_gone: str


@dataclass(frozen=True, slots=True)
class Namespace:
    """`processes` are those inside that this user may see, without the kernel's own threads; `time_wait` is None where
    it cannot be counted.

    `target` is None for twtop's own namespace, which it need not enter.
    """

    inode: int
    target: Target | None
    processes: tuple[Process, ...]
    time_wait: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Twtop's own namespace first. So many `hidden` processes cannot be looked into: theirs may be missing."""

    namespaces: tuple[Namespace, ...]
    hidden: int
