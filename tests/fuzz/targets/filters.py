"""Text → filter → text; which sockets it keeps, row by row; and what the kernel leaves out for it."""

import struct
from ipaddress import ip_address

from tests.fuzz.target import Target, demand
from tests.support.filter_by_row import expected
from tests.support.filter_rows import IPAddress, Row, kept
from twtop.filter.mask import needs_owners
from twtop.filter.parser import MAX_CHARACTERS, QueryError, parse
from twtop.filter.query import Query, unparse
from twtop.model import Direction, TcpState, Timer
from twtop.sources.decode_counters import decode_limits
from twtop.sources.kernel_filter import pushed_down

ADDRESSES = ("10.0.0.1", "10.0.0.5", "10.1.0.0", "0.0.0.0", "255.255.255.255", "::1", "fe80::1", "::", "2001:db8::5")
PORTS = (443, 80, 8080, 0, 1, 65535, 41234)
NAMES = ("nginx", "wrk", None, "Straße", "and", "")
TIMES = (-1, 0, 999, 30_000, 60_000, 61_000)


def _rows() -> list[Row]:
    """Every state, timer, direction and address once at least, in no special mix."""
    return [
        Row(
            local=ip_address(ADDRESSES[i % len(ADDRESSES)]),
            lport=PORTS[i % len(PORTS)],
            remote=ip_address(ADDRESSES[(i * 5 + 1) % len(ADDRESSES)]),
            rport=PORTS[(i * 3 + 1) % len(PORTS)],
            state=[*TcpState][i % len(TcpState)],
            timer=[*Timer][i // 2 % len(Timer)],
            timer_ms=TIMES[i // 3 % len(TIMES)],
            direction=[*Direction][i % len(Direction)],
            process=NAMES[i % len(NAMES)],
        )
        for i in range(44)
    ]


ROWS = _rows()
LIMITS = decode_limits({"sys/net/ipv4/ip_local_port_range": "32768\t60999\n"})


def check(data: bytes) -> None:
    text = data.decode("utf-8", errors="surrogateescape")  # as an argument of the command line comes
    try:
        query = parse(text)
    except QueryError as error:
        demand(str(error).isprintable(), f"an error is one line: {error!r}")
        demand(1 <= error.column <= len(text) + 1, f"column {error.column} of {len(text)}")
        return
    normal = unparse(query)
    demand(normal.isprintable(), f"not to be printed: {normal!r}")
    if len(normal) <= MAX_CHARACTERS:
        demand(parse(normal) == query, f"{text!r} is another filter than its normal form {normal!r}")
    needs_owners(query)
    wanted = [expected(query, row) for row in ROWS]
    demand(kept(query, ROWS).tolist() == wanted, f"{normal!r} keeps other sockets than {wanted}")
    _kernel(query, wanted)


def _kernel(query: Query, wanted: list[bool]) -> None:
    """The kernel leaves out nothing that the filter keeps, and no listener."""
    request = pushed_down(query, LIMITS)
    if request is None:
        return
    for row, keeps in zip(ROWS, wanted, strict=True):
        if request.bytecode and (keeps or (row.state == TcpState.LISTEN and not row.rport)):
            demand(_passes(request.bytecode, row), f"the kernel would leave out {row}")
        if keeps and not request.bytecode:
            demand(request.states >> row.state & 1, f"the kernel would leave out {row}")


def _passes(code: bytes, row: Row) -> bool:
    """What inet_diag_bc_run() in net/ipv4/inet_diag.c answers."""
    at = 0
    while at < len(code):
        kind, yes, no = struct.unpack_from("=BBH", code, at)
        at += yes if _holds(kind, code[at + 4 :], row) else no
    return at == len(code)


def _holds(kind: int, operand: bytes, row: Row) -> bool:
    match kind:
        case 1:  # INET_DIAG_BC_JMP
            return False
        case 7 | 8:
            return _is_of(operand, row.local if kind == 7 else row.remote)
    port: int = struct.unpack_from("=H", operand, 2)[0]
    return {2: row.lport >= port, 3: row.lport <= port, 4: row.rport >= port, 5: row.rport <= port}[kind]


def _is_of(condition: bytes, address: IPAddress) -> bool:
    """struct inet_diag_hostcond, for any port: inet_diag_bc_run() compares the first bits."""
    family, bits, port = map(int, struct.unpack_from("=BBxxi", condition))
    assert port == -1
    packed = address.packed
    if (family == 2) != (address.version == 4):
        if family == 2 and packed[:12] == bytes(10) + b"\xff\xff":
            packed = packed[12:]
        else:
            return False
    wanted = int.from_bytes(condition[8 : 8 + len(packed)])
    return (int.from_bytes(packed) ^ wanted) >> (len(packed) * 8 - bits) == 0


WORDS = (
    "port sport dport peer local src dst state process dir remaining age and or not && || ! ( ) = == != < <= > >="
    " 80 :80 1-2 65535 65536 10.0.0.5 10.0.0.0/8 10.0.0.5:443 ::1 [::1]:80 fe80::/10 %eth0 time-wait tw"
    " estab out 10s 1.5m ms nginx 'a b' \" ' \\ , : /"
)
TARGET = Target(check, words=tuple(WORDS.split()), most=1100)
