"""Which socket a filter keeps, row by row: the slow and obvious way."""

import operator
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from tests.support.filter_rows import IPAddress, Row
from twtop.filter.query import (
    AddressField,
    AddressTest,
    And,
    Comparison,
    DirectionTest,
    Everything,
    Not,
    Or,
    PortField,
    PortTest,
    ProcessTest,
    Query,
    StateTest,
    TimingField,
    TimingTest,
)
from twtop.model import TcpState, Timer

COMPARE: dict[Comparison, Callable[[int, int], bool]] = {
    Comparison.EQUAL: operator.eq,
    Comparison.NOT_EQUAL: operator.ne,
    Comparison.LESS: operator.lt,
    Comparison.LESS_OR_EQUAL: operator.le,
    Comparison.GREATER: operator.gt,
    Comparison.GREATER_OR_EQUAL: operator.ge,
}


def covers(network: IPv4Network | IPv6Network, address: IPAddress) -> bool:
    if isinstance(network, IPv4Network):
        return address in network
    return (address if address.version == 6 else IPv6Address(f"::ffff:{address}")) in network


def expected(query: Query, row: Row) -> bool:
    """Whether the filter keeps this socket."""
    match query:
        case Everything():
            return True
        case PortTest(field, low, high):
            sides = {
                PortField.LOCAL: [row.lport],
                PortField.REMOTE: [row.rport],
                PortField.EITHER: [row.lport, row.rport],
            }
            return any(port in range(low, high + 1) for port in sides[field])
        case AddressTest(field, network):
            return covers(network, row.local if field == AddressField.LOCAL else row.remote)
        case StateTest(state):
            return row.state == state
        case ProcessTest(name):
            return row.process is not None and name.casefold() in row.process.casefold()
        case DirectionTest(direction):
            return row.direction == direction
        case TimingTest(TimingField.REMAINING, comparison, ms):
            return row.timer == Timer.TIMEWAIT and row.timer_ms != -1 and COMPARE[comparison](row.timer_ms, ms)
        case TimingTest(_, comparison, ms):
            known = row.state == TcpState.TIME_WAIT and row.timer_ms != -1
            return known and COMPARE[comparison](max(0, 60_000 - row.timer_ms), ms)
        case Not(test):
            return not expected(test, row)
        case And(tests):
            return all(expected(test, row) for test in tests)
        case Or(tests):
            return any(expected(test, row) for test in tests)
