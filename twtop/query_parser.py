"""The filter language: text → a small tree of tests. The grammar is in query.lark."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network, IPv6Network, NetmaskValueError
from typing import TYPE_CHECKING, TypeAlias, Union

from twtop.model import PORTS, Direction, TcpState

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

MAX_LENGTH = 1000
MAX_DEPTH = 32
MAX_DURATION_MS = 86_400_000
SHOWN_CHARACTERS = 40

Network: TypeAlias = IPv4Network | IPv6Network


class PortField(StrEnum):
    EITHER = "port"
    LOCAL = "sport"
    REMOTE = "dport"


class AddressField(StrEnum):
    LOCAL = "local"
    REMOTE = "peer"


class TimingField(StrEnum):
    REMAINING = "remaining"
    AGE = "age"


class Comparison(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class Everything:
    """The filter that was left blank."""


@dataclass(frozen=True, slots=True)
class PortTest:
    """A port from `low` to `high`, both included; EITHER holds when one side's port is in there."""

    field: PortField
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class AddressTest:
    """An address within a network; what ::ffff:0:0/96 covers is written as IPv4."""

    field: AddressField
    network: Network


@dataclass(frozen=True, slots=True)
class StateTest:
    state: TcpState


@dataclass(frozen=True, slots=True)
class ProcessTest:
    """A known owner whose name contains `name`, whatever the case; the empty name is in every name."""

    name: str


@dataclass(frozen=True, slots=True)
class DirectionTest:
    direction: Direction


@dataclass(frozen=True, slots=True)
class TimingTest:
    """A known time in ms, on the timer of a TIME_WAIT."""

    field: TimingField
    comparison: Comparison
    ms: int


@dataclass(frozen=True, slots=True)
class Not:
    test: "Query"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more, none of them an And."""

    tests: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more, none of them an Or."""

    tests: tuple["Query", ...]


Query: TypeAlias = Union[
    Everything, PortTest, AddressTest, StateTest, ProcessTest, DirectionTest, TimingTest, Not, And, Or
]

STATES = {state.name.replace("_", "").lower(): state for state in TcpState} | {
    "closed": TcpState.CLOSE,
    "estab": TcpState.ESTABLISHED,
    "listening": TcpState.LISTEN,
    "synrcvd": TcpState.SYN_RECV,
    "tw": TcpState.TIME_WAIT,
    "unconn": TcpState.CLOSE,
}
DIRECTIONS = {direction.name.lower(): direction for direction in Direction} | {
    "in": Direction.INBOUND,
    "out": Direction.OUTBOUND,
}
ADDRESS_FIELDS = {"src": AddressField.LOCAL, "dst": AddressField.REMOTE} | {
    field.value: field for field in AddressField
}
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000}

A_PORT = "a port number (0 to 65535)"
AN_ADDRESS = "an address such as 10.0.0.5, 10.0.0.0/8 or ::1"
A_STATE = f"a TCP state ({', '.join(state.name.replace('_', '-').lower() for state in TcpState)})"
A_DIRECTION = "a direction (out, in or unknown)"
A_DURATION = "a duration up to a day, such as 10s, 500ms or 1m"
A_TEST = "a test such as port 443, 10.0.0.5, tw or nginx"

EXPECTED_BY_TERMINAL = {
    "PORT": A_PORT,
    "ADDRESS": AN_ADDRESS,
    "STATE": A_STATE,
    "DIRECTION": A_DIRECTION,
    "DURATION": A_DURATION,
    "NAME": "a process name",
    "COMPARISON": "a comparison (<, <=, =, !=, >= or >)",
}

PORT_OR_RANGE = re.compile(r":?([0-9]+)(?:-([0-9]+))?")
ENDPOINT = re.compile(r"(?:\[([^]]*)\]|([^]:[]*))(?::([^:]*))?")
LIKE_AN_ADDRESS = re.compile(
    r"\[.*|[0-9]+\.[0-9.]*([:/%].*)?|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*([/%].*)?", re.IGNORECASE
)
DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *(ms|s|m)?", re.IGNORECASE | re.ASCII)
PIECE = re.compile(r""""(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|&&|\|\||[=<>!]=?|[^ ()"'=<>!&|]+|.""")


class QueryError(ValueError):
    """A filter that cannot be read: where (`column`, from 1), what was `found` there (may be empty), what was `expected`.

    >>> print(QueryError(6, "99999", "a port number (0 to 65535)"))
    column 6: found "99999", expected a port number (0 to 65535)
    """

    def __init__(self, column: int, found: str, expected: str) -> None:
        self.column, self.found, self.expected = column, _escaped(found), expected
        shown = f'"{self.found}"' if found else "nothing"
        super().__init__(f"column {column}: found {shown}, expected {expected}")


def _escaped(text: str) -> str:
    """One short line that is safe to print, quote and read as markup."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    quoted = re.sub(r'(["\\[])', r"\\\1", cut)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in quoted)


def parse(text: str) -> Query:
    """Text → query; blank text is Everything. Raises QueryError.

    >>> parse("dport >= 1024")
    PortTest(field=<PortField.REMOTE: 'dport'>, low=1024, high=65535)
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(MAX_LENGTH + 1, text[MAX_LENGTH:], f"at most {MAX_LENGTH} characters")
    text = re.sub(r"\s", " ", text)
    if not text.strip():
        return Everything()
    for position, character in enumerate(text):
        if not character.isprintable():
            raise QueryError(position + 1, character, "printable text")

    from lark.exceptions import UnexpectedInput

    steps = _parser().parse_interactive(text)
    try:
        for _ in steps.iter_parse():
            opened = _still_open(steps.parser_state.value_stack)
            if len(opened) > MAX_DEPTH:
                raise QueryError(_column(opened[-1]), opened[-1], f"at most {MAX_DEPTH} levels of “(” and “not”")
        query: Query = steps.feed_eof()
    except UnexpectedInput as error:
        raise _explained(error, text, _still_open(steps.parser_state.value_stack)) from None
    return query


@cache
def _parser() -> "Lark":
    from lark import Lark

    return Lark.open("query.lark", rel_to=__file__, parser="lalr", transformer=_Rules)


def _still_open(stack: list[Any]) -> "list[Token]":
    """Each “(” and “not” whose end the parser has not met: as many as the tree will be deep."""
    return [item for item in stack if getattr(item, "type", None) in ("LPAR", "_NOT")]


def _explained(error: "UnexpectedInput", text: str, opened: "list[Token]") -> QueryError:
    """A syntax error in the user's words."""
    at_end = getattr(error, "token", "there is more") == ""
    position = len(text) if at_end else error.pos_in_stream or 0
    piece = PIECE.match(text, position)
    found = piece[0] if piece else ""
    terminals: set[str] = getattr(error, "expected", None) or getattr(error, "allowed", set())
    values = [words for terminal, words in EXPECTED_BY_TERMINAL.items() if terminal in terminals]
    parentheses = [token for token in opened if token.type == "LPAR"]
    if "QUOTED" in terminals and found[:1] in ("'", '"') and found:
        expected = "a closing quote"
    elif values:
        expected = values[0]
    elif "WORD" in terminals and "_AND" not in terminals:
        expected = A_TEST
    elif at_end:
        expected = f"“)” to close the “(” in column {_column(parentheses[-1])}"
    elif found == ")":
        expected = "“(” before it"
    else:
        expected = "“and”, “or” or another test"
    return QueryError(position + 1, found, expected)


class _Rules:
    """What lark calls with the parts of each rule of query.lark; an optional part that is absent is None."""

    @staticmethod
    def any_of(tests: list[Query]) -> Query:
        return Or(tuple(chain.from_iterable(test.tests if isinstance(test, Or) else [test] for test in tests)))

    @staticmethod
    def all_of(tests: list[Query]) -> Query:
        return And(tuple(chain.from_iterable(test.tests if isinstance(test, And) else [test] for test in tests)))

    @staticmethod
    def negation(parts: list[Query]) -> Query:
        return Not(parts[0])

    @staticmethod
    def port(parts: "list[Token]") -> Query:
        field, comparison, port = parts
        return _port_test(PortField(field.lower()), comparison, port, _column(port))

    @staticmethod
    def address(parts: "list[Token]") -> Query:
        field, equality, address = parts
        return _unless_unequal(equality, _endpoint(ADDRESS_FIELDS[field.lower()], address))

    @staticmethod
    def state(parts: "list[Token]") -> Query:
        equality, name = parts
        state = STATES.get(re.sub("[-_]", "", name.lower()))
        if state is None:
            raise QueryError(_column(name), name, A_STATE)
        return _unless_unequal(equality, StateTest(state))

    @staticmethod
    def direction(parts: "list[Token]") -> Query:
        equality, name = parts
        direction = DIRECTIONS.get(name.lower())
        if direction is None:
            raise QueryError(_column(name), name, A_DIRECTION)
        return _unless_unequal(equality, DirectionTest(direction))

    @staticmethod
    def process(parts: "list[Token]") -> Query:
        equality, name = parts
        test = ProcessTest(_unquoted(name))
        return And((ProcessTest(""), Not(test))) if equality == "!=" else test  # an unknown owner is not unequal

    @staticmethod
    def timing(parts: "list[Token]") -> Query:
        field, comparison, duration = parts
        match = DURATION.fullmatch(duration)
        ms = round(float(match[1]) * UNIT_MS[(match[2] or "s").lower()]) if match else MAX_DURATION_MS + 1
        if ms > MAX_DURATION_MS:
            raise QueryError(_column(duration), duration, A_DURATION)
        return TimingTest(TimingField(field.lower()), Comparison(comparison.replace("==", "=")), ms)

    @staticmethod
    def quoted(parts: "list[Token]") -> Query:
        return ProcessTest(_unquoted(parts[0]))

    @staticmethod
    def word(parts: "list[Token]") -> Query:
        """What a word alone means, by its looks."""
        word = parts[0]
        if PORT_OR_RANGE.fullmatch(word):
            return _port_test(PortField.EITHER, None, word, _column(word))
        if LIKE_AN_ADDRESS.fullmatch(word):
            return _endpoint(AddressField.REMOTE, word)
        state = STATES.get(re.sub("[-_]", "", word.lower()))
        return ProcessTest(str(word)) if state is None else StateTest(state)


def _column(token: "Token") -> int:
    return (token.start_pos or 0) + 1


def _unless_unequal(equality: str | None, test: Query) -> Query:
    return Not(test) if equality == "!=" else test


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name[0] in "'\"" else str(name)


def _port_test(field: PortField, comparison: str | None, word: str, column: int) -> Query:
    match = PORT_OR_RANGE.fullmatch(word)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (PORTS, PORTS)
    if max(low, high) >= PORTS:
        raise QueryError(column, word, A_PORT)
    if comparison in ("<", "<=", ">", ">="):
        if low != high:
            raise QueryError(column, word, f"{A_PORT}, not a range")
        ...
    if low > high:
        raise QueryError(column, word, "a range that holds a port")
    test = PortTest(field, low, high)
    return Not(test) if comparison == "!=" else test


def _endpoint(field: AddressField, word: "Token") -> Query:
    """An address, or an address and a port on the same side."""
    match = ENDPOINT.fullmatch(word)
    if match is None or match[3] is None:
        text = ...
    ...
