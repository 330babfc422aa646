"""A readable description of sockets → the bytes that sock_diag would send, and a Sample around them.

    make_sample(
        sock("10.0.0.1:80", state="LISTEN"),
        sock("10.0.0.1:41234", "10.0.0.5:443", "TIME_WAIT", remaining=41.2),
        many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(32768, 60000), remaining=seconds),
        tw_reuse=0,
    )

Nothing here is random and no clock is read: equal descriptions give equal bytes.
"""

import ipaddress
import struct
from collections.abc import Mapping
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tests.support.proc_files import Sysctls, kernel_files
from twtop.model import TcpState, Timer
from twtop.sources.probe import Sample

Block = NDArray[np.void]
"""Messages of equal length, as a structured array whose fields may be changed before they are encoded."""

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

SEQUENCE, PORT_ID = 0x5EED_1235, 4711
AF_INET, AF_INET6 = 2, 10
INET_DIAG_INFO, INET_DIAG_SHUTDOWN, INET_DIAG_MARK = 2, 8, 15
EPOCH = 1_760_000_000.0
MESSAGE = np.dtype(  # struct nlmsghdr, then struct inet_diag_msg of linux/inet_diag.h
    [
        *(("length", "u4"), ("type", "u2"), ("flags", "u2"), ("sequence", "u4"), ("port_id", "u4")),
        *(("family", "u1"), ("state", "u1"), ("timer", "u1"), ("retransmits", "u1")),
        *(("lport", ">u2"), ("rport", ">u2"), ("local", "V16"), ("remote", "V16"), ("device", "u4"), ("cookie", "V8")),
        *(("expires", "u4"), ("rqueue", "u4"), ("wqueue", "u4"), ("uid", "u4"), ("inode", "u4")),
    ]
)


def sock(local: str, remote: str = "", state: str | TcpState = TcpState.ESTABLISHED, **columns: ArrayLike) -> Block:
    """One socket; `many` explains the arguments.

    >>> sock("[::1]:80", state="LISTEN")["lport"].tolist()
    [80]
    """
    return many(local, remote, state, **columns)


def many(
    local: str,
    remote: str = "",
    state: str | TcpState = TcpState.ESTABLISHED,
    *,
    lports: ArrayLike | None = None,
    rports: ArrayLike | None = None,
    **columns: ArrayLike,
) -> Block:
    """Sockets of one address pair and state, by numpy: 100,000 take a few milliseconds.

    An end is "10.0.0.1:443" or "[::1]:443", or an address alone when `lports` or `rports` has its ports; without a
    remote end there is none, as for LISTEN and CLOSE. `columns` are `remaining` in seconds and, in the words of struct
    inet_diag_msg, `timer`, `rqueue`, `wqueue`, `uid`, `inode` and `device`. They broadcast, like the ports.

    `remaining` sets a timewait timer for a TIME_WAIT (which has 60 s unless told), else a retransmit timer, unless
    `timer` says otherwise: a closed FIN_WAIT2 is `state="FIN_WAIT2", timer=Timer.TIMEWAIT, remaining=50`.
    """
    here, lport = _end(local)
    there, rport = _end(remote or ("0.0.0.0:0" if here.version == 4 else "[::]:0"))
    if here.version != there.version:
        raise ValueError(f"{local} and {remote} are of two address families")
    state = TcpState[state] if isinstance(state, str) else state
    seconds = columns.pop("remaining", 60 if state is TcpState.TIME_WAIT else None)
    timer = Timer.OFF if seconds is None else Timer.RETRANSMIT
    fields: dict[str, ArrayLike] = {
        "timer": Timer.TIMEWAIT if state is TcpState.TIME_WAIT else timer,
        "lport": lport if lports is None else lports,
        "rport": rport if rports is None else rports,
        "expires": np.rint(np.multiply(0 if seconds is None else seconds, 1000)),
        **columns,
    }
    if not all(0 <= np.min(fields[side]) <= np.max(fields[side]) <= 65535 for side in ("lport", "rport")):
        raise ValueError(f"{local} or {remote} has a port that is none")
    block = np.zeros(np.broadcast_shapes((1,), *(np.shape(field) for field in fields.values())), MESSAGE)
    fields |= {"length": MESSAGE.itemsize, "type": 18, "flags": 2, "sequence": SEQUENCE, "port_id": PORT_ID}
    fields |= {"family": AF_INET if here.version == 4 else AF_INET6, "state": state}
    fields |= {"local": np.void(here.packed.ljust(16, b"\0")), "remote": np.void(there.packed.ljust(16, b"\0"))}
    for name, field in fields.items():
        block[name] = field
    return block


def _end(text: str) -> tuple[IP, int]:
    """'10.0.0.1:443' → (10.0.0.1, 443); the port is 0 where there is none."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
    elif text.count(":") > 1:
        address, port = text, ""
    else:
        address, _, port = text.partition(":")
    return ipaddress.ip_address(address), int(port.removeprefix(":") or 0)


def attribute(kind: int, payload: bytes) -> bytes:
    """A netlink attribute, padded as the kernel pads it."""
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


MARK = attribute(INET_DIAG_MARK, bytes(4))
"""What follows every message when the reader has CAP_NET_ADMIN: 88 bytes become 96."""


def tcp_info(timestamps: bool) -> bytes:
    """The struct tcp_info of a live connection, where only the options are set (linux/tcp.h)."""
    return attribute(INET_DIAG_INFO, bytes(5) + bytes([0b110 | timestamps]) + bytes(242))


def with_attributes(block: Block, attributes: bytes = MARK) -> Block:
    """The same messages, each followed by these attributes."""
    longer = np.zeros(len(block), [*MESSAGE.descr, ("attributes", f"V{len(attributes)}")])
    for name in MESSAGE.names or ():
        longer[name] = block[name]
    longer["length"] = longer.itemsize
    longer["attributes"] = np.void(attributes)
    return longer


def encode(*blocks: Block) -> bytes:
    """The messages as in Sample.dump; blocks of several lengths may follow each other."""
    return b"".join(block.tobytes() for block in blocks)


def make_sample(
    *blocks: Block,
    at: float = 0,
    collect_s: float = 0.041,
    host: str = "lab-7",
    kernel: str = "6.18.44",
    netns: str = "net:[4026531840]",
    counters: Mapping[str, int] | None = None,
    files: Mapping[str, str | None] | None = None,
    **sysctls: Unpack[Sysctls],
) -> Sample:
    """What the probe would read `at` seconds after the start of a scene that has these sockets.

    Sysctls are those of a fresh 6.18 kernel unless named, None where the kernel shall have no such file. `counters`
    are those of netstat and snmp by their names, 0 unless named; sockstat agrees with the sockets. `files` has the
    last word on any file, None removes it. The process spends 4 % of its time on a CPU.
    """
    timewait = sum(int((block["timer"] == Timer.TIMEWAIT).sum()) for block in blocks)
    inuse = {family: sum(_in_use(block, family) for block in blocks) for family in (AF_INET, AF_INET6)}
    texts = {**kernel_files(counters or {}, sysctls, timewait, inuse[AF_INET], inuse[AF_INET6]), **(files or {})}
    return Sample(
        time=EPOCH + at,
        mono=1000 + at,
        cpu=1 + 0.04 * at,
        collect_s=collect_s,
        host=host,
        kernel=kernel,
        netns=netns,
        source="sock_diag",
        dump=encode(*blocks),
        files={path: text for path, text in texts.items() if text is not None},
    )


def _in_use(block: Block, family: int) -> int:
    """Sockets that sockstat counts: neither timewait objects, nor requests, nor merely bound."""
    hidden = np.isin(block["state"], [TcpState.SYN_RECV, TcpState.CLOSE]) | (block["timer"] == Timer.TIMEWAIT)
    return int(((block["family"] == family) & ~hidden).sum())
