"""Filter text → query, by grammar.lark, with errors in the user's words.

lark is imported at the first use, because that takes 0.1 s.

>>> from twtop.filter.query import unparse
>>> unparse(parse("10.0.0.0/8:443 or nginx !tw"))
'peer 10.0.0.0/8 and dport 443 or process nginx and not state time-wait'
"""

import re
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Network, IPv6Network, NetmaskValueError
from typing import TYPE_CHECKING, Any

from twtop.filter.query import (
    AddressField,
    AddressTest,
    And,
    Comparison,
    DirectionTest,
    Everything,
    Network,
    Not,
    Or,
    PortField,
    PortTest,
    ProcessTest,
    Query,
    StateTest,
    TimingField,
    TimingTest,
    name_of,
)
from twtop.model import PORTS, Direction, TcpState

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

MAX_CHARACTERS = 1000
MAX_DEPTH = 32
MAX_MS = 86_400_000
SHOWN_CHARACTERS = 40

DIRECTIONS = {name_of(each): each for each in Direction} | {"in": Direction.INBOUND, "out": Direction.OUTBOUND}
STATES = {name_of(each).replace("-", ""): each for each in TcpState} | {
    "closed": TcpState.CLOSE,
    "estab": TcpState.ESTABLISHED,
    "listening": TcpState.LISTEN,
    "synrcvd": TcpState.SYN_RECV,
    "tw": TcpState.TIME_WAIT,
    "unconn": TcpState.CLOSE,
}
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000}

A_PORT = "a port number (0 to 65535)"
AN_ADDRESS = "an address such as 10.0.0.5, 10.0.0.0/8 or ::1"
A_STATE = f"a TCP state ({', '.join(map(name_of, TcpState))})"
A_DIRECTION = "a direction (out, in or unknown)"
A_DURATION = "a duration such as 500ms, 10s or 1m, at most a day"
A_TEST = "a test such as port 443, 10.0.0.5, tw or nginx"

# Terminals of the grammar in the user's words. Where several may follow, an error names the first of these.
IN_WORDS = {
    "PORT": A_PORT,
    "ADDRESS": AN_ADDRESS,
    "STATE": A_STATE,
    "DIRECTION": A_DIRECTION,
    "DURATION": A_DURATION,
    "NAME": "a process name",
    "COMPARISON": "a comparison (<, <=, =, !=, >= or >)",
}

PORT_OR_RANGE = re.compile(r":?([0-9]+)(?:-([0-9]+))?")
DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *(ms|s|m)?", re.IGNORECASE | re.ASCII)
WITH_PORT = re.compile(r"\[(?P<ipv6>[^]]*)\](:(?P<port6>.*))?|(?P<ipv4>[^]:[]+):(?P<port4>[^:]*)")
PIECE = re.compile(r""""(\\.|[^"\\])*"?|'(\\.|[^'\\])*'?|&&|\|\||[=<>!]=?|[^ ,()"'=<>!&|]+|.""")


class QueryError(ValueError):
    """A text is no filter. At `column` (from 1) there is `found`, which may be empty, instead of what is `expected`.

    `found` and the message are one line each and safe to print.

    >>> print(QueryError(6, "99999", A_PORT))
    column 6: found "99999", expected a port number (0 to 65535)
    """

    def __init__(self, column: int, found: str, expected: str) -> None:
        self.column, self.found, self.expected = column, _escaped(found), expected
        quoted = f'"{self.found}"' if found else "nothing"
        super().__init__(f"column {column}: found {quoted}, expected {expected}")


def _escaped(text: str) -> str:
    """The text cut to SHOWN_CHARACTERS, with control characters as Python writes them."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    marked = re.sub(r'(["\\])', r"\\\1", cut)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in marked)


def read(text: str, rules: type) -> Any:
    """Parse a text. `rules` has a static method for each rule of the grammar, which gets the list of its parts.

    Rules are nested at most MAX_DEPTH deep. Returns what the topmost rule returns. Raises QueryError.
    """
    if len(text) > MAX_CHARACTERS:
        raise QueryError(MAX_CHARACTERS + 1, text[MAX_CHARACTERS:], f"at most {MAX_CHARACTERS:,} characters")
    text = re.sub(r"\s", " ", text)
    for column, character in enumerate(text, start=1):
        if not character.isprintable():
            raise QueryError(column, character, "printable text")

    from lark.exceptions import UnexpectedInput

    steps = _parser(rules).parse_interactive(text)
    try:
        for _ in steps.iter_parse():
            opened = _still_open(steps.parser_state.value_stack)
            if len(opened) > MAX_DEPTH:
                raise QueryError(_column(opened[-1]), opened[-1], f'at most {MAX_DEPTH} levels of "(" and "not"')
        return steps.feed_eof()  # type: ignore[no-untyped-call]
    except UnexpectedInput as error:
        raise _in_words(error, text, _still_open(steps.parser_state.value_stack)) from None


@cache
def _parser(rules: type) -> "Lark":
    from lark import Lark

    return Lark.open("grammar.lark", rel_to=__file__, parser="lalr", transformer=rules)


def _still_open(stack: Iterable[Any]) -> "list[Token]":
    """Each “(” and “not” that is not closed yet. Their number is the depth of the tree so far."""
    return [item for item in stack if getattr(item, "type", None) in ("LPAR", "_NOT")]


def _in_words(error: "UnexpectedInput", text: str, opened: "list[Token]") -> QueryError:
    """A syntax error in the user's words."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    position = error.pos_in_stream or 0
    terminals: set[str] = set()
    if isinstance(error, UnexpectedToken):
        terminals = error.expected
        position = len(text) if error.token.type == "$END" else position
    elif isinstance(error, UnexpectedCharacters):
        terminals = error.allowed
    piece = PIECE.match(text, position)
    found = piece[0] if piece else ""
    parentheses = [_column(each) for each in opened if each == "("]
    return QueryError(position + 1, found, _expected(terminals, found, parentheses))


def _expected(terminals: set[str], found: str, parentheses: list[int]) -> str:
    """What the user may type where these terminals are allowed. `parentheses` are the columns of open ones."""
    if "QUOTED" in terminals and found.startswith(('"', "'")):
        return f"a closing {found[0]}"
    for terminal, words in IN_WORDS.items():
        if terminal in terminals:
            return words
    if "WORD" in terminals and "_AND" not in terminals:
        return A_TEST
    if not found:
        return f'")" for the "(" in column {parentheses[-1]}'
    return '"(" before it' if found == ")" else '"and", "or" or another test'


def _column(token: "Token") -> int:
    return (token.start_pos or 0) + 1


def state_named(name: str) -> TcpState | None:
    """The state with this name, which may be one of ss, netstat or the kernel; None where there is none."""
    return STATES.get(re.sub("[-_]", "", name.lower()))


def read_state(name: "Token") -> TcpState:
    """The state that a word names. Raises QueryError, like all functions below that read a word."""
    state = state_named(name)
    if state is None:
        raise QueryError(_column(name), name, A_STATE)
    return state


def read_direction(name: "Token") -> Direction:
    if name.lower() not in DIRECTIONS:
        raise QueryError(_column(name), name, A_DIRECTION)
    return DIRECTIONS[name.lower()]


def read_name(name: "Token") -> str:
    """A process name without its quotes, if it has any."""
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith(('"', "'")) else str(name)


def read_ms(duration: "Token") -> int:
    """A duration in whole ms. Without a unit it is in seconds."""
    match = DURATION.fullmatch(duration)
    ms = round(float(match[1]) * UNIT_MS[(match[2] or "s").lower()]) if match else MAX_MS + 1
    if ms > MAX_MS:
        raise QueryError(_column(duration), duration, A_DURATION)
    return ms


def read_ports(comparison: str | None, ports: "Token") -> tuple[int, int]:
    """(lowest, highest) port that compares so; for != the ports to leave out."""
    return _port_range(comparison or "=", ports, _column(ports))


def _port_range(comparison: str, ports: str, column: int) -> tuple[int, int]:
    match = PORT_OR_RANGE.fullmatch(ports)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (PORTS, PORTS)
    if max(low, high) >= PORTS:
        raise QueryError(column, ports, A_PORT)
    if comparison.startswith(("<", ">")) and low != high:
        raise QueryError(column, ports, "one port number, as a range has no order")
    bounds = {"<": (0, low - 1), "<=": (0, low), ">=": (low, PORTS - 1), ">": (low + 1, PORTS - 1)}
    low, high = bounds.get(comparison, (low, high))
    if low > high:
        raise QueryError(column, ports, "a range that holds a port, lowest first")
    return low, high


def read_endpoint(word: "Token") -> tuple[Network, tuple[int, int] | None]:
    """An address or CIDR block, and the ports behind it or None."""
    column = _column(word)
    match = WITH_PORT.fullmatch(word)
    if match is None:
        return _network(word, column), None
    host, port = ("ipv6", "port6") if match["ipv4"] is None else ("ipv4", "port4")
    network = _network(match[host], column + match.start(host))
    return network, None if match[port] is None else _port_range("=", match[port], column + match.start(port))


def _network(text: str, column: int) -> Network:
    """An address or a CIDR block of either family. One of mapped IPv6 becomes IPv4."""
    if "%" in text:
        raise QueryError(column + text.index("%"), text[text.index("%") :], "an address without a zone")
    try:
        if ":" not in text:
            return IPv4Network(text, strict=False)
        network = IPv6Network(text, strict=False)
    except NetmaskValueError:
        bits = 128 if ":" in text else 32
        prefix = text.index("/") + 1
        raise QueryError(column + prefix, text[prefix:], f"a prefix length (0 to {bits})") from None
    except ValueError:
        raise QueryError(column, text, AN_ADDRESS) from None
    mapped = network.network_address.ipv4_mapped
    return network if mapped is None or network.prefixlen < 96 else IPv4Network((int(mapped), network.prefixlen - 96))


def parse(text: str) -> Query:
    """Text → query. A blank text is Everything. Raises QueryError.

    >>> parse("!tw")
    Not(test=StateTest(state=<TcpState.TIME_WAIT: 6>))
    """
    query: Query = read(text, _Rules) if text.strip() else Everything()
    return query


class _Rules:
    """The query that each rule of grammar.lark means. An optional part that is absent is None."""

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
