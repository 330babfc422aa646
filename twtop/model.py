"""What the kernel says, in the field's words: states, addresses, sockets, limits, snapshots and owners.

Everything here is immutable. Arrays are read-only and have one entry per socket, unless a docstring says otherwise.
"""

import enum
from collections.abc import Mapping
from dataclasses import field, fields

import numpy as np
from numpy.typing import NDArray

from twtop.failed_connects import FailedConnects
from twtop.records import dataclass, freeze, freeze_columns

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
Codes = NDArray[np.int32]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Inodes = NDArray[np.uint32]

MAPPED = 0xFFFF << 32
"""Low half of ::ffff:0.0.0.0. Every IPv4 address is kept as the mapped IPv6 address (RFC 4291, 2.5.5.2)."""

UNKNOWN_QUEUE = 2**32 - 1
"""`wqueue` of a listener whose backlog, the most that its accept queue may hold, is unknown."""

UNKNOWN_RETRANSMITS = 255
"""`retransmits` where the source does not tell. The kernel gives up before (tcp_syn_retries is 127 at most)."""

PORTS = 65536
TIMEWAIT_MS = 60_000
"""TCP_TIMEWAIT_LEN of include/net/tcp.h: a constant, whatever tcp_fin_timeout says."""


class TcpState(enum.IntEnum):
    """The numbers of include/net/tcp_states.h. In a dump, CLOSE is a socket that is bound but not connected."""

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
    """Which timer runs on a socket: `idiag_timer` of linux/inet_diag.h."""

    OFF = 0
    RETRANSMIT = 1
    KEEPALIVE = 2
    TIMEWAIT = 3
    PROBE = 4


class Timestamps(enum.IntEnum):
    """Whether a connection has the timestamps of RFC 7323: both ends must offer them."""

    UNKNOWN = 0
    USED = 1
    NOT_USED = 2


class Direction(enum.IntEnum):
    """Which end opened a connection, as far as ports and listeners tell."""

    UNKNOWN = 0
    OUTBOUND = 1
    INBOUND = 2


@dataclass(frozen=True, slots=True, eq=False)
class Addresses:
    """The distinct addresses of a snapshot: 128 bits each, as a high and a low half. IPv4 is kept as mapped IPv6."""

    hi: NDArray[np.uint64]
    lo: NDArray[np.uint64]

    def __post_init__(self) -> None:
        freeze(self.hi, self.lo)

    def __len__(self) -> int:
        return len(self.lo)

    def begin_with(self, others: "Addresses") -> bool:
        """Whether each of the others has the same index here."""
        first = slice(len(others))
        return self is others or (
            np.array_equal(self.hi[first], others.hi) and np.array_equal(self.lo[first], others.lo)
        )

    @property
    def bits(self) -> int:
        """How many bits hold an index into these addresses."""
        return len(self).bit_length()

    def integer(self, index: int) -> int:
        """One address as a 128-bit number."""
        return int(self.hi[index]) << 64 | int(self.lo[index])

    def within(self, network: int, bits: int) -> Mask:
        """Which addresses have the same first `bits` (0 to 128) as the 128-bit number `network`."""
        kept = (1 << 128) - (1 << (128 - bits))
        hi, lo = kept >> 64, kept & (1 << 64) - 1
        same_hi: Mask = (self.hi ^ np.uint64(network >> 64)) & np.uint64(hi) == 0
        same_lo: Mask = (self.lo ^ np.uint64(network & (1 << 64) - 1)) & np.uint64(lo) == 0
        return same_hi & same_lo

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
    """The socket table as columns.

    - `local` and `remote` are indexes into `addresses`; `lport` and `rport` are port numbers.
    - `state` is a TcpState and `timer` a Timer. `timer_ms` is the time left on that timer in ms, −1 where no timer runs
      or the time is unknown.
    - `retransmits` is how often the segment that waits for its acknowledgement was sent again (icsk_retransmits).
    - `device` is the number of the interface that a socket is bound to, 0 for none.
    - `rqueue` and `wqueue` are bytes that wait to be read and to be acknowledged. A listener has its accept queue's
      length and its backlog there.
    - `inode` is 0 for a socket without a descriptor. A TIME_WAIT has uid 0 and inode 0: it has no owner, not root as
      its owner (inet_twsk_diag_fill).
    - `pid` is the process that holds the socket where the source tells that, 0 where it is unknown.
    - `timestamps` is a Timestamps. It is unknown of a timewait object, and where nobody asked for it.
    - `identity` is the kernel's cookie of the socket, the same in every dump and never given twice, 0 for unknown.
    - `origin` is the row that the socket had in the dump before, −1 for a new one.

    These are derived: `is_time_wait` is state TIME_WAIT, and so leaves out the FIN_WAIT2 that are timewait objects;
    `is_timewait_object` has those too, which their timer ends after a close() (tcp_time_wait);
    `is_connection` is false for listeners and for sockets that are merely bound; `age_ms` is the time since a TIME_WAIT
    began in ms, −1 for every other socket and where the timer is unknown; `others` are the rows not in TIME_WAIT.
    """

    addresses: Addresses
    state: NDArray[np.uint8]
    timer: NDArray[np.uint8]
    local: Codes
    remote: Codes
    lport: NDArray[np.uint16]
    rport: NDArray[np.uint16]
    timer_ms: Codes
    retransmits: NDArray[np.uint8]
    device: NDArray[np.uint32]
    rqueue: NDArray[np.uint32]
    wqueue: NDArray[np.uint32]
    uid: NDArray[np.uint32]
    inode: Inodes
    pid: NDArray[np.uint32]
    timestamps: NDArray[np.uint8]
    identity: NDArray[np.uint64]
    origin: Rows
    is_time_wait: Mask = field(init=False)
    is_timewait_object: Mask = field(init=False)
    is_connection: Mask = field(init=False)
    age_ms: Codes = field(init=False)
    others: Rows = field(init=False)

    def __post_init__(self) -> None:
        # A member of an enum is no number to numpy, which would make 64 bits of each entry to compare it.
        time_wait, listen, close = map(np.uint8, (TcpState.TIME_WAIT, TcpState.LISTEN, TcpState.CLOSE))
        waits = self.state == time_wait
        age = np.int32(TIMEWAIT_MS) - self.timer_ms
        np.maximum(age, np.int32(0), out=age)
        age[~waits | (self.timer_ms < 0)] = -1
        object.__setattr__(self, "is_time_wait", waits)
        object.__setattr__(self, "is_timewait_object", waits | (self.timer == np.uint8(Timer.TIMEWAIT)))
        object.__setattr__(self, "is_connection", (self.state != listen) & (self.state != close))
        object.__setattr__(self, "age_ms", age)
        object.__setattr__(self, "others", np.flatnonzero(~waits))
        freeze_columns(self)

    def __len__(self) -> int:
        return len(self.state)

    def in_state(self, state: TcpState) -> Rows:
        """The rows of the sockets in this state, which is any but TIME_WAIT."""
        found: Rows = self.others[self.state[self.others] == state]
        return found

    @property
    def unconnected(self) -> Rows:
        """The rows of listeners and of sockets that are merely bound."""
        return self.others[~self.is_connection[self.others]]

    @property
    def timewait_objects(self) -> int:
        """How many connections a timer ends."""
        return len(self) - len(self.others) + int(np.count_nonzero(self.is_timewait_object[self.others]))

    @property
    def live(self) -> Rows:
        """The rows of the connections that no timer ends."""
        return self.others[self.is_connection[self.others] & ~self.is_timewait_object[self.others]]

    @property
    def is_held(self) -> Mask:
        """Whether a descriptor of some process leads to the socket. Not so for a TIME_WAIT."""
        held: Mask = self.inode | self.pid != 0
        return held

    def take(self, rows: Rows | Mask) -> "Sockets":
        """The same table with only these rows, in this order."""
        return Sockets(self.addresses, *(getattr(self, f.name)[rows] for f in fields(self)[1:] if f.init))


@dataclass(frozen=True, slots=True)
class Limits:
    """Sysctls of the network namespace. None means that this kernel lacks the file or that it cannot be read.

    `port_range` and each pair of `reserved` include both ends. `ehash_entries` is below 0 where a namespace shares its
    parent's hash table of so many entries (proc_tcp_ehash_entries).
    """

    port_range: tuple[int, int] | None
    reserved: tuple[tuple[int, int], ...] | None
    tw_reuse: int | None
    tw_reuse_delay_ms: int | None
    timestamps: int | None
    max_tw_buckets: int | None
    ehash_entries: int | None
    rfc1337: int | None
    fin_timeout_s: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One decoded Sample.

    - `time` is Unix seconds. `mono` and `cpu` are seconds of the monotonic clock and of CPU time that twtop has used.
      `collect_s` is how many seconds it took to read the sockets.
    - `sockets` are as they were at `dumped`, a time on the clock of `mono`. That is earlier than `mono` where this
      sample has counters alone and the sockets are those of the snapshot before.
    - `part` says that the kernel left out sockets which a filter drops.
    - `bound_at` is when those among them were read that are bound and not connected, on the same clock; None where the
      source does not tell of such.
    - `timer_unit_ms` is the unit of the timers: each is a whole multiple of it. `jiffies_s` are the kernel's jiffies at
      `dumped`, in seconds and rounded down to 1/100 s, None for unknown.
    - `counters` only grow, `gauges` go up and down. A name that is absent is unknown.
    - `holders` maps each pid in `sockets.pid` to its process when the source tells who holds sockets; otherwise it is
      None.
    - `device_names` are names of interfaces by their number, as far as they are known.
    - `is_this_machine` says whether the sockets are of this machine, so that its /proc knows who holds them.
    - `netns_name` is what the user calls the network namespace, empty for twtop's own. `load` is what a load that twtop
      runs says of itself, `notice` why no better source was taken. Both are one line, or empty.
    - `listener_drops` maps the inode of each listener to the connections that it has dropped so far; None for unknown.
    - `failed_connects` are those since the snapshot before, None while nobody counts them: that is unknown, not none.
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
    is_this_machine: bool = True
    listener_drops: Mapping[int, int] | None = None
    failed_connects: FailedConnects | None = None
    device_names: Mapping[int, str] = field(default_factory=dict)
    bound_at: float | None = None
    jiffies_s: float | None = None

    @property
    def tells_owners(self) -> bool:
        """Whether the source itself says who holds the sockets. It then knows no inodes and no uids."""
        return self.holders is not None

    @property
    def is_searchable(self) -> bool:
        """Whether a search of this machine's /proc can find the holders, by inode."""
        return self.is_this_machine and not self.tells_owners

    @property
    def age_s(self) -> float:
        """Seconds since the sockets were read."""
        return self.mono - self.dumped

    @property
    def read_at(self) -> float:
        """When the sockets were read, in Unix seconds. Whatever is told of a single socket is of that moment."""
        return self.time - self.age_s


@dataclass(frozen=True, slots=True)
class Process:
    """A process by pid and `comm`. The name comes from outside and may hold any characters."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Owners:
    """Who holds each socket or held it last: `process` is an index into `processes`, −1 where that is unknown.

    `inferred` marks an owner that was concluded from other sockets. Any other owner was seen: it holds the socket, or
    was seen to hold it before the socket lost its descriptor. `met` are those of the inferred that were seen to hold
    other connections to the same destination. `hidden` is how many sockets belong to other users'
    processes, whose descriptors may not be read.
    """

    process: Codes
    inferred: Mask
    met: Mask
    processes: tuple[Process, ...]
    hidden: int = 0

    def __post_init__(self) -> None:
        freeze(self.process, self.inferred, self.met)

    @classmethod
    def unknown(cls, sockets: Sockets) -> "Owners":
        """The owners where nobody searched: none is known."""
        nowhere = np.zeros(len(sockets), np.bool_)
        return cls(np.full(len(sockets), -1, np.int32), nowhere, nowhere, ())
