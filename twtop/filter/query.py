"""A filter as a tree of tests, and its normal form as text."""

import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from twtop.model import PORTS, Direction, TcpState
from twtop.records import dataclass


class PortField(StrEnum):
    """Which port is tested: one of both, the local or the remote one."""

    EITHER = "port"
    LOCAL = "sport"
    REMOTE = "dport"


class AddressField(StrEnum):
    """Which address is tested."""

    LOCAL = "local"
    REMOTE = "peer"


class TimingField(StrEnum):
    """Which time of a TIME_WAIT is tested: what is left of it, or what has passed."""

    REMAINING = "remaining"
    AGE = "age"


class Comparison(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


def name_of(member: TcpState | Direction) -> str:
    """A state or direction as a filter writes it: time-wait, outbound."""
    return member.name.lower().replace("_", "-")


Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Everything:
    """A blank filter, which keeps all sockets. It is never a part of another query."""


@dataclass(frozen=True, slots=True)
class PortTest:
    """Whether a port is from `low` to `high`, both included. EITHER asks for such a port on at least one side."""

    field: PortField
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class AddressTest:
    """Whether an address is in a network. ::/0 has every address, also those of IPv4; 0.0.0.0/0 has IPv4 alone."""

    field: AddressField
    network: Network


@dataclass(frozen=True, slots=True)
class StateTest:
    """Whether the socket is in this state."""

    state: TcpState


@dataclass(frozen=True, slots=True)
class ProcessTest:
    """Whether the owner is known and its name contains `name`, in any case. Every name contains the empty one."""

    name: str


@dataclass(frozen=True, slots=True)
class DirectionTest:
    """Whether the connection was opened in this direction."""

    direction: Direction


@dataclass(frozen=True, slots=True)
class TimingTest:
    """Whether a time of a timewait timer is known, and compares so with `ms`."""

    field: TimingField
    comparison: Comparison
    ms: int


@dataclass(frozen=True, slots=True)
class Not:
    """Whether the test does not hold. A test of something unknown does not hold."""

    test: "Query"


@dataclass(frozen=True, slots=True)
class And:
    """Whether all of two or more tests hold. None of them is an And."""

    tests: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Whether one of two or more tests holds. None of them is an Or."""

    tests: tuple["Query", ...]


Test: TypeAlias = PortTest | AddressTest | StateTest | ProcessTest | DirectionTest | TimingTest
Query: TypeAlias = Everything | Test | Not | And | Or

PLAIN_NAME = re.compile(r"(?!(and|or|not)$)[\w./-][\w./:-]*", re.IGNORECASE)
"""A process name that needs no quotes."""


def unparse(query: Query) -> str:
    """The normal form of a filter. `parse` reads it back as the same query, unless it is too long for `parse`.

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


def joined_tests(query: Query) -> tuple[Query, ...]:
    """The tests that must all hold: the parts of an And, or the query itself."""
    return query.tests if isinstance(query, And) else (query,)


def has_test(query: Query, kind: type[Test]) -> bool:
    """Whether a test of this kind is anywhere in the query.

    >>> has_test(Not(StateTest(TcpState.LISTEN)), StateTest), has_test(Everything(), StateTest)
    (True, False)
    """
    match query:
        case Not(test):
            return has_test(test, kind)
        case And(tests) | Or(tests):
            return any(has_test(test, kind) for test in tests)
    return isinstance(query, kind)


def kept_state(query: Query) -> TcpState | None:
    """The state that the query asks for as one of its joined tests; None where it asks for none.

    >>> kept_state(StateTest(TcpState.LISTEN)), kept_state(Everything())
    (<TcpState.LISTEN: 10>, None)
    """
    return next((test.state for test in joined_tests(query) if isinstance(test, StateTest)), None)


def with_state(query: Query, state: TcpState) -> Query:
    """The query with a test of this state in place of any other state's. If it asks for this state already, without."""
    rest = tuple(test for test in joined_tests(query) if not isinstance(test, Everything | StateTest))
    tests = rest if kept_state(query) is state else (*rest, StateTest(state))
    return Everything() if not tests else tests[0] if len(tests) == 1 else And(tests)
