"""The filter language: what its text means as a tree of tests, and the sockets that a tree selects.

>>> unparse(parse("10.0.0.0/8:443 or nginx !tw"))
'peer 10.0.0.0/8 and dport 443 or process nginx and not state time-wait'
"""

import operator
import re
from dataclasses import dataclass
from functools import reduce
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twtop.model import MAPPED, PORTS, Codes, Direction, Mask, Owners, Sockets, TcpState, Timer
from twtop.query_parser import (
    AddressField,
    Comparison,
    Network,
    PortField,
    QueryError,
    TimingField,
    name_of,
    read,
    read_direction,
    read_endpoint,
    read_ms,
    read_name,
    read_ports,
    read_state,
    state_named,
)

if TYPE_CHECKING:
    from lark import Token


@dataclass(frozen=True, slots=True)
class Everything:
    """The whole of a filter that was left blank; never a part of another."""


@dataclass(frozen=True, slots=True)
class PortTest:
    """A port from `low` to `high`, both included; EITHER asks for one on at least one side."""

    field: PortField
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class AddressTest:
    """An address within a network. ::/0 covers every address, IPv4 too, and 0.0.0.0/0 IPv4 alone."""

    field: AddressField
    network: Network


@dataclass(frozen=True, slots=True)
class StateTest:
    state: TcpState


@dataclass(frozen=True, slots=True)
class ProcessTest:
    """A known owner whose name contains `name`, whatever the case; every name contains the empty one."""

    name: str


@dataclass(frozen=True, slots=True)
class DirectionTest:
    direction: Direction


@dataclass(frozen=True, slots=True)
class TimingTest:
    """A known time of a TIME_WAIT timer against `ms`."""

    field: TimingField
    comparison: Comparison
    ms: int


@dataclass(frozen=True, slots=True)
class Not:
    test: "Query"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more tests, none of them an And."""

    tests: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more tests, none of them an Or."""

    tests: tuple["Query", ...]


Test: TypeAlias = PortTest | AddressTest | StateTest | ProcessTest | DirectionTest | TimingTest
Query: TypeAlias = Everything | Test | Not | And | Or

PLAIN_NAME = re.compile(r"(?!(and|or|not)$)[\w./-][\w./:-]*", re.IGNORECASE)
COMPARE = dict(
    zip(Comparison, (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge), strict=True)
)


def parse(text: str) -> Query:
    """Text → query; blank text is Everything. Raises QueryError.

    >>> parse("!tw")
    Not(test=StateTest(state=<TcpState.TIME_WAIT: 6>))
    """
    query: Query = read(text, _Rules) if text.strip() else Everything()
    return query


class _Rules:
    """What each rule of query.lark means; an optional part that is absent is None."""

    @staticmethod
    def any_of(tests: list[Query]) -> Query:
        return Or(tuple(part for test in tests for part in (test.tests if isinstance(test, Or) else [test])))

    @staticmethod
    def all_of(tests: list[Query]) -> Query:
        return And(tuple(part for test in tests for part in (test.tests if isinstance(test, And) else [test])))

    @staticmethod
    def negation(parts: list[Query]) -> Query:
        return Not(parts[0])

    @staticmethod
    def port(parts: "list[Token]") -> Query:
        field, comparison, ports = parts
        return _equal_or_not(comparison, PortTest(PortField(field.lower()), *read_ports(comparison, ports)))

    @staticmethod
    def bare_port(parts: "list[Token]") -> Query:
        return PortTest(PortField.EITHER, *read_ports(None, parts[0]))

    @staticmethod
    def peer(parts: "list[Token]") -> Query:
        equality, address = parts
        return _equal_or_not(equality, _endpoint_test(AddressField.REMOTE, address))

    @staticmethod
    def local(parts: "list[Token]") -> Query:
        equality, address = parts
        return _equal_or_not(equality, _endpoint_test(AddressField.LOCAL, address))

    @staticmethod
    def bare_address(parts: "list[Token]") -> Query:
        return _endpoint_test(AddressField.REMOTE, parts[0])

    @staticmethod
    def state(parts: "list[Token]") -> Query:
        equality, name = parts
        return _equal_or_not(equality, StateTest(read_state(name)))

    @staticmethod
    def direction(parts: "list[Token]") -> Query:
        equality, name = parts
        return _equal_or_not(equality, DirectionTest(read_direction(name)))

    @staticmethod
    def process(parts: "list[Token]") -> Query:
        equality, name = parts
        test = ProcessTest(read_name(name))
        return And((ProcessTest(""), Not(test))) if equality == "!=" else test  # unknown is not unequal

    @staticmethod
    def timing(parts: "list[Token]") -> Query:
        field, comparison, duration = parts
        return TimingTest(TimingField(field.lower()), Comparison(comparison.replace("==", "=")), read_ms(duration))

    @staticmethod
    def bare_word(parts: "list[Token]") -> Query:
        state = state_named(parts[0])
        return ProcessTest(str(parts[0])) if state is None else StateTest(state)

    @staticmethod
    def bare_name(parts: "list[Token]") -> Query:
        return ProcessTest(read_name(parts[0]))


def _equal_or_not(equality: str | None, test: Query) -> Query:
    return Not(test) if equality == "!=" else test


def _endpoint_test(field: AddressField, word: "Token") -> Query:
    network, ports = read_endpoint(word)
    test = AddressTest(field, network)
    side = PortField.LOCAL if field is AddressField.LOCAL else PortField.REMOTE
    return test if ports is None else And((test, PortTest(side, *ports)))


def unparse(query: Query) -> str:
    """The filter in its normal form. It reads back as the same query, unless it outgrew what `parse` accepts.

    >>> unparse(Or((StateTest(TcpState.TIME_WAIT), Not(PortTest(PortField.REMOTE, 1024, 65535)))))
    'state time-wait or not dport >= 1024'
    """
    match query:
        case Everything():
            return ""
        case PortTest(field, low, high):
            return f"{field} {_ports_text(low, high)}"
        case AddressTest(field, network):
            single = network.prefixlen == network.max_prefixlen
            return f"{field} {network.network_address if single else network}"
        case StateTest(state):
            return f"state {name_of(state)}"
        case ProcessTest(name):
            escaped = re.sub(r'(["\\])', r"\\\1", name)
            return f"process {name}" if PLAIN_NAME.fullmatch(name) else f'process "{escaped}"'
        case DirectionTest(direction):
            return f"dir {name_of(direction)}"
        case TimingTest(field, comparison, ms):
            return f"{field} {comparison} {f'{ms}ms' if ms % 1000 else f'{ms // 1000}s'}"
        case Not(test):
            return f"not ({unparse(test)})" if isinstance(test, And | Or) else f"not {unparse(test)}"
        case And(tests):
            return " and ".join(f"({unparse(test)})" if isinstance(test, Or) else unparse(test) for test in tests)
        case Or(tests):
            return " or ".join(map(unparse, tests))


def _ports_text(low: int, high: int) -> str:
    if low == high:
        return str(low)
    if high == PORTS - 1:
        return f">= {low}"
    return f"<= {high}" if low == 0 else f"{low}-{high}"


def needs_owners(query: Query) -> bool:
    """Whether the query asks for processes, which are costly to find."""
    match query:
        case Not(test):
            return needs_owners(test)
        case And(tests) | Or(tests):
            return any(map(needs_owners, tests))
    return isinstance(query, ProcessTest)


def mask(query: Query, sockets: Sockets, direction: NDArray[np.uint8], owners: Owners) -> Mask:
    """The sockets that match; `direction` and `owners` are those of the same sockets.

    What is unknown matches no test, and so matches every negated one.
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
            return np.array([*matching, False])[owners.process]  # the last one answers for −1, nobody
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
    return np.where(sockets.timer == Timer.TIMEWAIT, sockets.timer_ms, np.int32(-1))


__all__ = ["Everything", "Query", "QueryError", "mask", "needs_owners", "parse", "unparse"]
