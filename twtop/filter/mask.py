"""Query → mask: which sockets a filter keeps."""

import operator
from functools import reduce
from ipaddress import IPv4Network

import numpy as np
from numpy.typing import NDArray

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
    has_test,
)
from twtop.model import MAPPED, Codes, Mask, Owners, Sockets, Timer

COMPARE = dict(
    zip(Comparison, (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge), strict=True)
)


def needs_owners(query: Query) -> bool:
    """Whether the query tests owners, which are costly to find."""
    return has_test(query, ProcessTest)


def mask(query: Query, sockets: Sockets, direction: NDArray[np.uint8], owners: Owners) -> Mask:
    """Whether each socket matches. `direction` has a Direction for each, and `owners` its owner.

    Times are those at which the sockets were read, as they are shown too. An unknown value matches no test, and so it
    matches every negated test.
    """
    match query:
        case Everything():
            return np.ones(len(sockets), np.bool_)
        case PortTest(PortField.EITHER, low, high):
            return _within(sockets.lport, low, high) | _within(sockets.rport, low, high)
        case PortTest(field, low, high):
            return _within(sockets.lport if field is PortField.LOCAL else sockets.rport, low, high)
        case AddressTest(field, network):
            base, bits = int(network.network_address), network.prefixlen
            if isinstance(network, IPv4Network):
                base, bits = base | MAPPED, bits + 96
            inside = sockets.addresses.within(base, bits)
            return inside[sockets.local if field is AddressField.LOCAL else sockets.remote]
        case StateTest(state):
            return np.equal(sockets.state, state)
        case ProcessTest(name):
            folded = name.casefold()
            matching = [folded in process.name.casefold() for process in owners.processes]
            return np.array([*matching, False])[owners.process]  # index −1, an unknown owner, is the False
        case DirectionTest(wanted):
            return np.equal(direction, wanted)
        case TimingTest(field, comparison, ms):
            times = sockets.age_ms if field is TimingField.AGE else _remaining_ms(sockets)
            compared: Mask = COMPARE[comparison](times, ms)
            return compared & (times >= 0)
        case Not(test):
            return ~mask(test, sockets, direction, owners)
        case And(tests) | Or(tests):
            join = operator.and_ if isinstance(query, And) else operator.or_
            joined: Mask = reduce(join, (mask(test, sockets, direction, owners) for test in tests))
            return joined


def _within(ports: NDArray[np.uint16], low: int, high: int) -> Mask:
    return ports == low if low == high else (ports >= low) & (ports <= high)


def _remaining_ms(sockets: Sockets) -> Codes:
    """Time left on the timewait timer in ms, −1 for any other timer and where it is unknown."""
    return np.where(sockets.timer == Timer.TIMEWAIT, sockets.timer_ms, np.int32(-1))
