"""Kernel → Sample: everything that one tick reads, as raw bytes and text.

It imports the standard library alone and nothing of twtop, so that this very file can run in another namespace or on
another host. It interprets nothing; `decode` does that.
"""

import contextlib
import errno
import mmap
import os
import platform
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

SOCK_DIAG = "sock_diag"
"""The name of the source that is read here."""

NETLINK_SOCK_DIAG = 4
TCPDIAG_GETSOCK = 18
NLM_F_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
NLMSG_ERROR, NLMSG_DONE = 2, 3
BOUND = 1 << 13  # TCPF_BOUND_INACTIVE: bound but not connected
ALL_STATES = 0x1FFF | BOUND
TCP_ESTABLISHED, TCP_SYN_SENT, TCP_TIME_WAIT, TCP_CLOSE_WAIT, TCP_LISTEN = 1, 2, 6, 8, 10
INET_DIAG_REQ_BYTECODE = 1
INET_DIAG_INFO, INET_DIAG_SKMEMINFO = 2, 7
CHUNK = 1 << 16  # one recv() gets 32 KiB at most (netlink_dump in net/netlink/af_netlink.c)
FIRST_ROOM = 1 << 25  # bytes of a new buffer: more than most dumps take
ROOMY = 8  # a buffer of which so many times more was written than the last dump took is given back
RECEIVE_TIMEOUT_S = 5
HEADER = struct.Struct("=IHHII")
DONE_SIZE = HEADER.size + 4

COUNTER_FILES = ("net/netstat", "net/snmp", "net/sockstat", "net/sockstat6", "net/stat/nf_conntrack")
DEVICE_FILES = ("net/igmp", "net/if_inet6")
"""Names and numbers of the interfaces with IPv4 and with IPv6."""

SYSCTLS = (
    "net/ipv4/ip_local_port_range",
    "net/ipv4/ip_local_reserved_ports",
    "net/ipv4/tcp_ehash_entries",
    "net/ipv4/tcp_fin_timeout",
    "net/ipv4/tcp_max_orphans",
    "net/ipv4/tcp_max_tw_buckets",
    "net/ipv4/tcp_rfc1337",
    "net/ipv4/tcp_timestamps",
    "net/ipv4/tcp_tw_reuse",
    "net/ipv4/tcp_tw_reuse_delay",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_max",
    "fs/file-nr",
)

REFUSALS = {
    "this kernel offers no sock_diag for TCP: load it with 'modprobe tcp_diag'": {
        *(errno.ENOENT, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ENOSYS)
    },
    "reading sockets is forbidden here (seccomp or SELinux): allow AF_NETLINK sockets for twtop": {
        *(errno.EPERM, errno.EACCES)
    },
}


class CollectError(Exception):
    """The kernel cannot be read, or what it says makes no sense. The text is one line for the user."""


class Unavailable(CollectError):
    """This source does not exist here or is forbidden, now and later. Another source may work."""


@dataclass(frozen=True, slots=True)
class Request:
    """Which sockets to read.

    `states` has the bit `1 << state` for each wanted state; without any, sockets are not read at all. `bytecode` is a
    filter that the kernel applies (INET_DIAG_REQ_BYTECODE); an empty one lets all sockets pass. `extensions` has the
    bit `1 << attribute - 1` for each wanted attribute of a live socket. `failed_connects` says whether to count failed
    connects from now on, where the source can; None leaves that as it is, and what was counted to the next request.
    """

    states: int = ALL_STATES
    bytecode: bytes = b""
    extensions: int = 0
    failed_connects: bool | None = False

    @property
    def is_part(self) -> bool:
        """Whether some sockets are wanted and others are not."""
        return bool(self.states) and (self.states | BOUND != ALL_STATES or bool(self.bytecode))

    @property
    def reads_bound(self) -> bool:
        """Whether sockets that are bound and not connected are wanted."""
        return bool(self.states & BOUND)

    def without_bound(self) -> "Request":
        """The same, without the sockets that are bound and not connected.

        To find these, the kernel walks its table of bound ports, where each TIME_WAIT stands too: a quarter of a dump
        of 100,000 (inet_diag_dump_icsk in net/ipv4/inet_diag.c).
        """
        return replace(self, states=self.states & ~BOUND)


@dataclass(frozen=True, slots=True)
class FailureTable:
    """The connect() calls that found no free port since the last Sample.

    `since` is when counting began and `until` when these were read, in seconds of the monotonic clock. `rows` are 32
    bytes for each tenth of a second, address and device: tenths of the monotonic clock (i64), count (u32) and device
    (u32), little-endian, and the remote address, 16 bytes in network order. `lost` more have no known address, and
    `at_least` says that there are or may be such.
    """

    since: float
    until: float
    rows: bytes = field(repr=False)
    lost: int = 0
    at_least: bool = False


Dump = bytes | memoryview
ALL_SOCKETS = Request()
WITH_OPTIONS = 1 << INET_DIAG_INFO - 1
"""The extension that has the options of a live connection: 0.3 µs and 280 bytes more for each, none for a TIME_WAIT."""

COUNTERS_ONLY = Request(states=0)
BOUND_ONLY = Request(states=BOUND, failed_connects=None)
"""Those that a reading lacks; it belongs to that reading."""

HELD_ONLY = Request(1 << TCP_ESTABLISHED | 1 << TCP_SYN_SENT | 1 << TCP_CLOSE_WAIT, failed_connects=None)
"""The connections that processes hold. TIME_WAIT are passed over in a third of the time that it takes to tell them."""

LISTENERS = Request(states=1 << TCP_LISTEN, extensions=1 << INET_DIAG_SKMEMINFO - 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One raw reading of one network namespace.

    - `time` is Unix seconds. `mono` and `cpu` are seconds of the monotonic clock and of CPU time that this process has
      used. `collect_s` is how many seconds the reading took. `jiffies_s` are the kernel's jiffies at `mono`, in seconds
      and rounded down to 1/100 s (times(2)), None where the kernel is not Linux.
    - `dump` is what the source of the name `source` says of sockets, in its own form: a sock_diag answer without its
      closing message, the text of the procfs tables, or psutil's rows. It is None where sockets were not read.
      `request` is what it answers.
    - `files` maps a path below /proc to its text. A file that is missing or unreadable is absent.
    - `netns` is the kernel's name of the namespace, `netns_name` what the user calls it, empty for twtop's own.
    - `load` is what a load that twtop itself runs says of its connect() calls, `notice` why no better source was taken.
    - `is_this_machine` says whether the sockets are of this machine, so that its /proc knows who holds them.
    - `failures` are the failed connects, None where they are not counted. `listeners` is what sock_diag says of
      LISTENERS.
    """

    time: float
    mono: float
    cpu: float
    collect_s: float
    host: str
    kernel: str
    netns: str
    source: str
    dump: Dump | None = field(repr=False)
    files: dict[str, str] = field(repr=False)
    load: str = ""
    netns_name: str = ""
    notice: str = ""
    request: Request = ALL_SOCKETS
    is_this_machine: bool = True
    failures: FailureTable | None = None
    listeners: bytes | None = field(repr=False, default=None)
    jiffies_s: float | None = None


class DumpBuffer:
    """Memory for a dump that the next dump uses again. Fresh pages would cost a tenth of the reading.

    It reserves more addresses than most dumps take, because pages that are never written cost nothing.
    """

    def __init__(self) -> None:
        self._buffer = _memory(FIRST_ROOM)
        self._used = self._written = 0

    def clear(self) -> None:
        """Begin a new dump, which overwrites the one before."""
        self._written = max(self._written, self._used)
        if self._used * ROOMY < self._written:
            self._buffer = _memory(max(FIRST_ROOM, 2 * self._used))
            self._written = 0
        self._used = 0

    def free(self) -> memoryview:
        """The unused rest of the memory: one chunk at least."""
        if len(self._buffer) - self._used < CHUNK:
            larger = _memory(4 * len(self._buffer))
            larger[: self._used] = self._buffer[: self._used]
            self._buffer = larger
        return memoryview(self._buffer)[self._used :]

    def keep(self, size: int) -> None:
        """Add the first `size` bytes of `free()` to the dump."""
        self._used += size

    @property
    def dump(self) -> memoryview:
        return memoryview(self._buffer)[: self._used]


def _memory(size: int) -> mmap.mmap:
    """So many bytes, in huge pages from 2 MB on, where a small dump does not reach: 5 ms less for 100,000 sockets."""
    found = mmap.mmap(-1, size, access=mmap.ACCESS_COPY)  # memory that may be shared has none
    with contextlib.suppress(AttributeError, OSError):  # another system, or a kernel without them
        found.madvise(mmap.MADV_HUGEPAGE, 1 << 21)
    return found


def read_sample(proc: str = "/proc", request: Request = ALL_SOCKETS, buffer: DumpBuffer | None = None) -> Sample:
    """Read sockets by sock_diag, counters, sysctls and clocks of the calling thread's network namespace.

    With a `buffer` a dump that may be large lies there, until the next reading into it. Raises CollectError when the
    sockets cannot be read; a missing counter file is no error.
    """
    if not request.states & 1 << TCP_TIME_WAIT:
        buffer = None  # small ones between the large would let it shrink
    sample = take_sample(SOCK_DIAG, lambda: dump_sockets(request, buffer), proc, request)
    return replace(sample, listeners=bytes(dump_sockets(LISTENERS))) if request.states else sample


def take_sample(source: str, read_sockets: Callable[[], Dump], proc: str, request: Request) -> Sample:
    """A Sample with the dump that `read_sockets` returns; it is not called where `request` wants no sockets."""
    now, start, ticks = time.time(), time.monotonic(), os.times().elapsed
    dump = read_sockets() if request.states else None
    files = dict(read_files(proc))
    return Sample(
        time=now,
        mono=start,
        cpu=time.process_time(),
        collect_s=time.monotonic() - start,
        host=socket.gethostname(),
        kernel=platform.release() if sys.platform == "linux" else f"{platform.system()} {platform.release()}",
        netns=namespace_id(proc),
        source=source,
        dump=dump,
        files=files,
        request=request,
        jiffies_s=ticks if sys.platform == "linux" else None,
    )


def dump_sockets(request: Request = ALL_SOCKETS, buffer: DumpBuffer | None = None) -> Dump:
    """The TCP sockets of this namespace, IPv4 and IPv6 in one walk, as consecutive netlink messages.

    This is the legacy request TCPDIAG_GETSOCK, the only one that takes AF_UNSPEC (inet_diag_rcv_msg_compat in
    net/ipv4/inet_diag.c). Raises CollectError.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise Unavailable("only Linux has sock_diag")
    sequence = new_sequence()
    body = struct.pack("=B2xB48xII", socket.AF_UNSPEC, request.extensions, request.states, 0)  # struct inet_diag_req
    if request.bytecode:
        body += struct.pack("=HH", 4 + len(request.bytecode), INET_DIAG_REQ_BYTECODE) + request.bytecode
    message = HEADER.pack(HEADER.size + len(body), TCPDIAG_GETSOCK, NLM_F_REQUEST_DUMP, sequence, 0) + body
    kept = buffer or DumpBuffer()
    kept.clear()
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as netlink:
            netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", RECEIVE_TIMEOUT_S, 0))
            netlink.send(message)
            _receive(netlink, sequence, kept)
    except OSError as error:
        raise _refusal(error) from error
    return kept.dump if buffer else bytes(kept.dump)


def new_sequence() -> int:
    """A random netlink sequence number of 32 bits, never 0. It tells a header from bytes that look like one."""
    return int.from_bytes(os.urandom(4)) | 1


def _receive(netlink: socket.socket, sequence: int, buffer: DumpBuffer) -> None:
    """Read the answer with this sequence number into the buffer, without its closing message."""
    while True:
        free = buffer.free()
        size = netlink.recv_into(free)
        chunk = free[:size]
        if size < DONE_SIZE:
            raise CollectError(f"sock_diag sent a message of {size} bytes; expected at least {DONE_SIZE}")
        _, kind, _, answered, _ = HEADER.unpack_from(chunk)
        if answered != sequence:
            continue
        if kind == NLMSG_ERROR:
            _raise_status(chunk)
        done = chunk[-DONE_SIZE:]
        length, kind, _, answered, _ = HEADER.unpack_from(done)
        if (length, kind, answered) == (DONE_SIZE, NLMSG_DONE, sequence):
            _raise_status(done)
            buffer.keep(size - DONE_SIZE)
            return
        buffer.keep(size)


def _raise_status(message: memoryview) -> None:
    """Raise OSError if this closing or error message has an errno (netlink_dump in net/netlink/af_netlink.c)."""
    (status,) = struct.unpack_from("=i", message, HEADER.size)
    if status < 0:
        raise OSError(-status, os.strerror(-status))


def _refusal(error: OSError) -> CollectError:
    """The error as one line for the user, which says what to do where something can be done."""
    for advice, codes in REFUSALS.items():
        if error.errno in codes:
            return Unavailable(advice)
    if error.errno == errno.EMFILE:
        return CollectError("cannot read sockets: twtop may open no more files, give it a higher 'ulimit -n'")
    if error.errno == errno.EAGAIN:
        return CollectError(f"sock_diag did not answer within {RECEIVE_TIMEOUT_S} s: the kernel is busy, try again")
    return CollectError(f"cannot read sockets by sock_diag: {error.strerror or error}")


def read_files(proc: str) -> Iterator[tuple[str, str]]:
    """(path below /proc, text) of each counter file and sysctl that exists and may be read."""
    own = own_directory(proc)
    places = [(name, f"{own}/{name}") for name in COUNTER_FILES + DEVICE_FILES]
    places += [(f"sys/{name}", f"{proc}/sys/{name}") for name in SYSCTLS]
    places += [(name, f"{proc}/{name}") for name in ("meminfo", "slabinfo")]
    for name, path in places:
        with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as file:
            yield name, file.read()


def own_directory(proc: str) -> str:
    """The calling thread's directory below /proc. /proc/net is that of the process's first thread, not of this one."""
    path = f"{proc}/thread-self"
    return path if os.path.exists(path) else f"{proc}/self"


def namespace_id(proc: str) -> str:
    """The kernel's name of this thread's namespace, as in `net:[4026531840]`; empty when it cannot be read."""
    try:
        return os.readlink(f"{own_directory(proc)}/ns/net")
    except OSError:
        return ""
