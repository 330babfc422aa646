"""Filter → what the kernel can leave out of a dump: a states mask and bytecode for sock_diag.

Only tests that keep or drop a destination as a whole are handed down, so that a budget is never counted in part:
addresses, and ports outside the ephemeral range. Listeners and bound sockets are always read, for they tell which
ports connect() may pick. What is read is more than the filter keeps; the mask of the filter has the last word.
"""

import struct
from dataclasses import dataclass, field
from functools import reduce
from ipaddress import IPv4Network, IPv6Network

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
from twtop.sources.probe import Request

JUMP, LOCAL_ADDRESS, REMOTE_ADDRESS = 1, 7, 8
LOCAL_PORT_FROM, LOCAL_PORT_TO, REMOTE_PORT_FROM, REMOTE_PORT_TO = 2, 3, 4, 5
"""INET_DIAG_BC_JMP, _S_COND, _D_COND; _S_GE, _S_LE, _D_GE and _D_LE of linux/inet_diag.h."""

OP = struct.Struct("=BBH")
ANY_PORT = -1
AF_INET, AF_INET6 = 2, 10
MAPPED_NETWORK = IPv6Network("::ffff:0:0/96")
WITHOUT_PEER = 1 << TcpState.LISTEN | 1 << TcpState.CLOSE | 1 << 13  # the last: bound but not connected


@dataclass(frozen=True, slots=True)
class Block:
    """Operations that run into their end where the test holds; where it does not, those at `fails` jump away.

    Each operation has its size as the offset that follows a yes, as valid_cc of net/ipv4/inet_diag.c wants it.
    """

    code: bytes
    fails: tuple[int, ...] = field(default=())

    def and_then(self, other: "Block") -> "Block":
        return Block(self.code + other.code, self.fails + tuple(len(self.code) + at for at in other.fails))

    def or_else(self, other: "Block") -> "Block":
        """A yes of the first jumps over the second, a no leads into it."""
        jump = OP.pack(JUMP, OP.size, OP.size + len(other.code))
        start = len(self.code) + len(jump)
        return Block(self._failing_to(start) + jump + other.code, tuple(start + at for at in other.fails))

    def assembled(self) -> bytes:
        """A jump beyond the end is a no (inet_diag_bc_run)."""
        return self._failing_to(len(self.code) + OP.size)

    def _failing_to(self, target: int) -> bytes:
        code = bytearray(self.code)
        for at in self.fails:
            struct.pack_into("=H", code, at + 2, target - at)
        return bytes(code)


def _port(operation: int, port: int) -> Block:
    """The port stands in a second operation's place for its offset."""
    return Block(OP.pack(operation, 2 * OP.size, 0) + OP.pack(0, 0, port), (0,))


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
    """struct inet_diag_hostcond; one of IPv4 takes mapped IPv6 too."""
    family = AF_INET if isinstance(test.network, IPv4Network) else AF_INET6
    condition = struct.pack("=BBxxi", family, test.network.prefixlen, ANY_PORT) + test.network.network_address.packed
    operation = LOCAL_ADDRESS if test.field is AddressField.LOCAL else REMOTE_ADDRESS
    return Block(OP.pack(operation, OP.size + len(condition), 0) + condition, (0,))


def pushed_down(query: Query, limits: Limits) -> Request | None:
    """What to read for this filter alone; None where all sockets must be read."""
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
    """Whether no port of the range that connect() picks from is meant."""
    low, high = limits.port_range or (0, 65535)
    return test.high < low or test.low > high


def _is_of_one_family(network: Network) -> bool:
    """The kernel takes an IPv6 network as IPv6 alone, here ::/0 holds IPv4 too."""
    return isinstance(network, IPv4Network) or not network.overlaps(MAPPED_NETWORK)
