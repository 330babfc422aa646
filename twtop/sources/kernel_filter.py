"""Filter → what the kernel can leave out of a dump: a mask of states, or bytecode for sock_diag.

The kernel gets only tests that keep or drop a destination as a whole, so that no port budget is counted in part: tests
of addresses, and of ports outside the ephemeral range. Listeners and bound sockets are always read, because they tell
which ports connect() may pick. So the dump may hold more than the filter keeps; `filter.mask` then drops the rest.
"""

import struct
from collections.abc import Iterable
from dataclasses import field
from functools import reduce
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from twtop.filter.query import (
    AddressField,
    AddressTest,
    Network,
    PortField,
    PortTest,
    Query,
    StateTest,
    joined_tests,
)
from twtop.model import Limits, TcpState
from twtop.records import dataclass
from twtop.sources.probe import BOUND, Request

JUMP, LOCAL_ADDRESS, REMOTE_ADDRESS = 1, 7, 8
LOCAL_PORT_FROM, LOCAL_PORT_TO, REMOTE_PORT_FROM, REMOTE_PORT_TO = 2, 3, 4, 5
"""INET_DIAG_BC_JMP, _S_COND, _D_COND; _S_GE, _S_LE, _D_GE and _D_LE of linux/inet_diag.h."""

OP = struct.Struct("=BBH")
"""struct inet_diag_bc_op: the operation, and the offsets of the next one after a yes and after a no."""

ANY_PORT = -1
AF_INET, AF_INET6 = 2, 10
MAPPED_NETWORK = IPv6Network("::ffff:0:0/96")

WITHOUT_PEER = 1 << TcpState.LISTEN | 1 << TcpState.CLOSE | BOUND
"""Bits of the states without a peer."""


@dataclass(frozen=True, slots=True)
class Block:
    """A test as operations. Where it holds, they run on to their end; else one of those at the offsets `fails` jumps.

    After a yes each operation goes on to the next one, as valid_cc() of net/ipv4/inet_diag.c demands.
    """

    code: bytes
    fails: tuple[int, ...] = field(default=())

    def and_then(self, other: "Block") -> "Block":
        """Both tests must hold."""
        return Block(self.code + other.code, self.fails + tuple(len(self.code) + at for at in other.fails))

    def or_else(self, other: "Block") -> "Block":
        """One of the tests must hold: a yes of the first jumps over the second, a no leads into it."""
        jump = OP.pack(JUMP, OP.size, OP.size + len(other.code))
        start = len(self.code) + len(jump)
        return Block(self._failing_to(start) + jump + other.code, tuple(start + at for at in other.fails))

    def assembled(self) -> bytes:
        """The whole program. A no jumps one operation beyond its end, a yes stops there (inet_diag_bc_run)."""
        return self._failing_to(len(self.code) + OP.size)

    def _failing_to(self, target: int) -> bytes:
        """The code, where each of `fails` jumps to this offset."""
        code = bytearray(self.code)
        for at in self.fails:
            struct.pack_into("=H", code, at + 2, target - at)
        return bytes(code)


def _port(operation: int, port: int) -> Block:
    """A comparison with a port, which stands where a second operation would have its offset after a no."""
    return Block(OP.pack(operation, 2 * OP.size, 0) + OP.pack(0, 0, port), (0,))


def towards(ends: Iterable[tuple[int, int]]) -> bytes:
    """Bytecode that lets pass what is connected to one of these (remote address as a 128-bit number, remote port)."""
    return reduce(Block.or_else, (_end(IPv6Address(address), port) for address, port in ends)).assembled()


def _end(address: IPv6Address, port: int) -> Block:
    ipv4 = address.ipv4_mapped
    return _host(REMOTE_ADDRESS, ipv4 or address, (ipv4 or address).max_prefixlen, port)


def _ports(test: PortTest) -> Block:
    local = _port(LOCAL_PORT_FROM, test.low).and_then(_port(LOCAL_PORT_TO, test.high))
    remote = _port(REMOTE_PORT_FROM, test.low).and_then(_port(REMOTE_PORT_TO, test.high))
    match test.field:
        case PortField.LOCAL:
            return local
        case PortField.REMOTE:
            return remote
        case PortField.EITHER:
            return local.or_else(remote)


def _address(test: AddressTest) -> Block:
    operation = LOCAL_ADDRESS if test.field is AddressField.LOCAL else REMOTE_ADDRESS
    return _host(operation, test.network.network_address, test.network.prefixlen)


def _host(operation: int, address: IPv4Address | IPv6Address, bits: int, port: int = ANY_PORT) -> Block:
    """A struct inet_diag_hostcond. One for IPv4 matches mapped IPv6 too."""
    family = AF_INET if isinstance(address, IPv4Address) else AF_INET6
    condition = struct.pack("=BBxxi", family, bits, port) + address.packed
    return Block(OP.pack(operation, OP.size + len(condition), 0) + condition, (0,))


def pushed_down(query: Query, limits: Limits) -> Request | None:
    """The request that reads no more than this filter needs, as far as the kernel can tell; None for all sockets."""
    tests = joined_tests(query)
    if any(isinstance(test, StateTest) and 1 << test.state & WITHOUT_PEER for test in tests):
        return Request(WITHOUT_PEER)
    blocks = [_ports(test) for test in tests if isinstance(test, PortTest) and is_service(test, limits)]
    blocks += [_address(test) for test in tests if isinstance(test, AddressTest) and _is_of_one_family(test.network)]
    if not blocks:
        return None
    without_peer = _port(REMOTE_PORT_TO, 0)
    return Request(bytecode=without_peer.or_else(reduce(Block.and_then, blocks)).assembled())


def is_service(test: PortTest, limits: Limits) -> bool:
    """Whether the test is of ports outside the range that connect() picks from."""
    low, high = limits.port_range or (0, 65535)
    return test.high < low or test.low > high


def _is_of_one_family(network: Network) -> bool:
    """Whether the kernel understands this network as twtop does. To the kernel ::/0 is IPv6 alone, here IPv4 too."""
    return isinstance(network, IPv4Network) or not network.overlaps(MAPPED_NETWORK)
