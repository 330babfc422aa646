"""The filter language: what a hand types, what it is told, and which sockets it gets."""

import operator
import string
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twtop.filter.mask import mask, needs_owners
from twtop.filter.parser import MAX_CHARACTERS, MAX_DEPTH, QueryError, parse
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
    unparse,
)
from twtop.model import MAPPED, Addresses, Direction, Mask, Owners, Process, Sockets, TcpState, Timer

A_PORT = "a port number (0 to 65535)"
AN_ADDRESS = "an address such as 10.0.0.5, 10.0.0.0/8 or ::1"
A_STATE = (
    "a TCP state (established, syn-sent, syn-recv, fin-wait1, fin-wait2, time-wait,"
    " close, close-wait, last-ack, listen, closing)"
)
A_DURATION = "a duration such as 500ms, 10s or 1m, at most a day"
A_TEST = "a test such as port 443, 10.0.0.5, tw or nginx"
NO_TEST = '"and", "or" or another test'

IPAddress = IPv4Address | IPv6Address
CLIENT, SERVER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.5")


@dataclass(frozen=True, slots=True)
class Row:
    """One socket as a person would note it down; no process is None."""

    local: IPAddress = CLIENT
    lport: int = 41234
    remote: IPAddress = SERVER
    rport: int = 443
    state: TcpState = TcpState.TIME_WAIT
    timer: Timer = Timer.TIMEWAIT
    timer_ms: int = 30_000
    direction: Direction = Direction.OUTBOUND
    process: str | None = "wrk"


def apply_view(query: Query, rows: Sequence[Row]) -> Mask:
    """`mask` over columns made of these rows."""
    integers = [int(each) | (MAPPED if each.version == 4 else 0) for row in rows for each in (row.local, row.remote)]
    distinct = sorted(set(integers))
    codes = np.array([distinct.index(each) for each in integers], np.int32).reshape(-1, 2)
    zeros = np.zeros(len(rows), np.uint32)
    sockets = Sockets(
        addresses=Addresses(
            np.array([each >> 64 for each in distinct], np.uint64),
            np.array([each & (1 << 64) - 1 for each in distinct], np.uint64),
        ),
        state=np.array([row.state for row in rows], np.uint8),
        timer=np.array([row.timer for row in rows], np.uint8),
        local=codes[:, 0],
        remote=codes[:, 1],
        lport=np.array([row.lport for row in rows], np.uint16),
        rport=np.array([row.rport for row in rows], np.uint16),
        timer_ms=np.array([row.timer_ms for row in rows], np.int32),
        device=zeros,
        rqueue=zeros,
        wqueue=zeros,
        uid=zeros,
        inode=zeros,
        pid=zeros,
    )
    names = sorted({row.process for row in rows if row.process is not None})
    owner = [-1 if row.process is None else names.index(row.process) for row in rows]
    owners = Owners(
        process=np.array(owner, np.int32),
        inferred=np.zeros(len(rows), np.bool_),
        processes=tuple(Process(pid, name) for pid, name in enumerate(names, start=100)),
    )
    return mask(query, sockets, np.array([row.direction for row in rows], np.uint8), owners)


def matches(text: str, row: Row) -> bool:
    return bool(apply_view(parse(text), [row])[0])


# Text → tree


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        (" \t\n", ""),
        ("8080", "port 8080"),
        (":8080", "port 8080"),
        ("8000-8099", "port 8000-8099"),
        ("port 443", "port 443"),
        ("PORT = 443", "port 443"),
        ("port == 0443", "port 443"),
        ("port:443", "port 443"),
        ("dport = :443", "dport 443"),
        ("dport!=443", "not dport 443"),
        ("sport<1024", "sport <= 1023"),
        ("sport <= 0", "sport 0"),
        ("sport >= 1024", "sport >= 1024"),
        ("sport > 65534", "sport 65535"),
        ("sport 1000-2000", "sport 1000-2000"),
        ("sport != 1000-2000", "not sport 1000-2000"),
        ("sport 0-65535", "sport >= 0"),
        ("10.0.0.5", "peer 10.0.0.5"),
        ("10.1.2.3/8", "peer 10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "peer 10.0.0.0/8"),
        ("10.0.0.5:443", "peer 10.0.0.5 and dport 443"),
        ("10.0.0.0/8:443", "peer 10.0.0.0/8 and dport 443"),
        ("::", "peer ::"),
        ("::1", "peer ::1"),
        ("FE80::/10", "peer fe80::/10"),
        ("[::1]", "peer ::1"),
        ("[::1]:80", "peer ::1 and dport 80"),
        ("[fe80::/10]:1000-2000", "peer fe80::/10 and dport 1000-2000"),
        ("::ffff:10.0.0.5", "peer 10.0.0.5"),
        ("::ffff:0:0/96", "peer 0.0.0.0/0"),
        ("::ffff:0:0/95", "peer ::fffe:0:0/95"),
        ("peer ::1", "peer ::1"),
        ("peer != 10.0.0.5:443", "not (peer 10.0.0.5 and dport 443)"),
        ("local 10.0.0.1:8080", "local 10.0.0.1 and sport 8080"),
        ("src 10.0.0.1 dst = 10.0.0.5", "local 10.0.0.1 and peer 10.0.0.5"),
        ("tw", "state time-wait"),
        ("state != tw", "not state time-wait"),
        ("dir out", "dir outbound"),
        ("dir = Inbound", "dir inbound"),
        ("dir unknown", "dir unknown"),
        ("nginx", "process nginx"),
        ("process 8080", "process 8080"),
        ('process "8080"', "process 8080"),
        ('"8080"', "process 8080"),
        ("process port", "process port"),
        ('process "and"', 'process "and"'),
        ("android", "process android"),
        ("portmap", "process portmap"),
        ("kworker/0:1", "process kworker/0:1"),
        ('"my proc"', 'process "my proc"'),
        ("'my \"proc\"'", 'process "my \\"proc\\""'),
        ('process ""', 'process ""'),
        ("process != nginx", 'process "" and not process nginx'),
        ("ſport", "process ſport"),
        ("remaining < 10s", "remaining < 10s"),
        ("remaining<=1500 ms", "remaining <= 1500ms"),
        ("age > 0.5 M", "age > 30s"),
        ("age == 7", "age = 7s"),
        ("age != 7", "age != 7s"),
        ("a b", "process a and process b"),
        ("a && b and c", "process a and process b and process c"),
        ("a b or c d", "process a and process b or process c and process d"),
        ("a or (b || c)", "process a or process b or process c"),
        ("a and (b c)", "process a and process b and process c"),
        ("(a or b)c", "(process a or process b) and process c"),
        ("not a b", "not process a and process b"),
        ("NOT (a OR b)", "not (process a or process b)"),
        ("!!a", "not not process a"),
        ("((a))", "process a"),
    ],
)
def test_text_means(text: str, normal: str) -> None:
    assert unparse(parse(text)) == normal
    assert parse(normal) == parse(text)


@pytest.mark.parametrize(
    ("state", "names"),
    [
        (TcpState.ESTABLISHED, "established ESTABLISHED estab ESTAB"),
        (TcpState.SYN_SENT, "syn-sent SYN_SENT synsent"),
        (TcpState.SYN_RECV, "syn-recv SYN_RECV syn_rcvd"),
        (TcpState.FIN_WAIT1, "fin-wait-1 FIN_WAIT1 fin_wait_1"),
        (TcpState.FIN_WAIT2, "fin-wait-2 FIN_WAIT2"),
        (TcpState.TIME_WAIT, "tw TW time-wait time_wait TIME-WAIT timewait"),
        (TcpState.CLOSE, "close closed CLOSE unconn"),
        (TcpState.CLOSE_WAIT, "close-wait CLOSE_WAIT"),
        (TcpState.LAST_ACK, "last-ack LAST_ACK"),
        (TcpState.LISTEN, "listen listening LISTEN"),
        (TcpState.CLOSING, "closing CLOSING"),
    ],
)
def test_states_go_by_many_names(state: TcpState, names: str) -> None:
    for name in names.split():
        assert parse(name) == parse(f"state {name}") == StateTest(state)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port 99999", f'column 6: found "99999", expected {A_PORT}'),
        ("99999", f'column 1: found "99999", expected {A_PORT}'),
        ("tw dport >= foo", f'column 13: found "foo", expected {A_PORT}'),
        ("dport >=", f"column 9: found nothing, expected {A_PORT}"),
        ("dport", f"column 6: found nothing, expected {A_PORT}"),
        ("port (80)", f'column 6: found "(", expected {A_PORT}'),
        ('port "80', f'column 6: found "\\"80", expected {A_PORT}'),
        ("port 80-", f'column 6: found "80-", expected {A_PORT}'),
        ("port < 0", 'column 8: found "0", expected a range that holds a port, lowest first'),
        ("port 2000-1000", 'column 6: found "2000-1000", expected a range that holds a port, lowest first'),
        ("port > 10-20", 'column 8: found "10-20", expected one port number, as a range has no order'),
        ("port 80,443", f'column 8: found ",", expected {NO_TEST}'),
        ("10.0.0.5:99999", f'column 10: found "99999", expected {A_PORT}'),
        ("10.0.0.5: tw", f"column 10: found nothing, expected {A_PORT}"),
        ("[::1]:http", f'column 7: found "http", expected {A_PORT}'),
        ("10.0.0", f'column 1: found "10.0.0", expected {AN_ADDRESS}'),
        ("10.0.0.256:80", f'column 1: found "10.0.0.256", expected {AN_ADDRESS}'),
        ("10.0.0.0/33", 'column 10: found "33", expected a prefix length (0 to 32)'),
        ("[fe80::/129]:80", 'column 9: found "129", expected a prefix length (0 to 128)'),
        ("10.0.0.0/", "column 10: found nothing, expected a prefix length (0 to 32)"),
        ("1:2:3", f'column 1: found "1:2:3", expected {AN_ADDRESS}'),
        ("[::1", f'column 1: found "[::1", expected {AN_ADDRESS}'),
        ("fe80::1%eth0", 'column 8: found "%eth0", expected an address without a zone'),
        ("[fe80::1%eth0]:80", 'column 9: found "%eth0", expected an address without a zone'),
        ("peer nginx", f'column 6: found "nginx", expected {AN_ADDRESS}'),
        ("peer < 10.0.0.5", f'column 6: found "<", expected {AN_ADDRESS}'),
        ("peer:10.0.0.5", f'column 5: found ":10.0.0.5", expected {AN_ADDRESS}'),
        ("local", f"column 6: found nothing, expected {AN_ADDRESS}"),
        ("state nonsense", f'column 7: found "nonsense", expected {A_STATE}'),
        ("state and", f'column 7: found "and", expected {A_STATE}'),
        ("dir up", 'column 5: found "up", expected a direction (out, in or unknown)'),
        ("dir", "column 4: found nothing, expected a direction (out, in or unknown)"),
        ("process", "column 8: found nothing, expected a process name"),
        ("process and tw", 'column 9: found "and", expected a process name'),
        ("process:nginx", 'column 8: found ":nginx", expected a process name'),
        ("remaining", "column 10: found nothing, expected a comparison (<, <=, =, !=, >= or >)"),
        ("remaining 10s", 'column 11: found "10s", expected a comparison (<, <=, =, !=, >= or >)'),
        ("remaining < soon", f'column 13: found "soon", expected {A_DURATION}'),
        ("age > 10h", f'column 7: found "10h", expected {A_DURATION}'),
        ("age > 1441m", f'column 7: found "1441m", expected {A_DURATION}'),
        ("age >", f"column 6: found nothing, expected {A_DURATION}"),
        ("(tw", 'column 4: found nothing, expected ")" for the "(" in column 1'),
        ("(a or (b) ", 'column 11: found nothing, expected ")" for the "(" in column 1'),
        ("a (b (c", 'column 8: found nothing, expected ")" for the "(" in column 6'),
        ("tw)", 'column 3: found ")", expected "(" before it'),
        ("()", f'column 2: found ")", expected {A_TEST}'),
        ("tw and", f"column 7: found nothing, expected {A_TEST}"),
        ("tw or ", f"column 7: found nothing, expected {A_TEST}"),
        ("not", f"column 4: found nothing, expected {A_TEST}"),
        ("and tw", f'column 1: found "and", expected {A_TEST}'),
        ("tw || && x", f'column 7: found "&&", expected {A_TEST}'),
        ("= 4", f'column 1: found "=", expected {A_TEST}'),
        ("tw = 4", f'column 4: found "=", expected {NO_TEST}'),
        ("tw & established", f'column 4: found "&", expected {NO_TEST}'),
        ("tw, established", f'column 3: found ",", expected {NO_TEST}'),
        ('tw "my proc', 'column 4: found "\\"my proc", expected a closing "'),
        ("'", "column 1: found \"'\", expected a closing '"),
        ("tw\x1b[2J", 'column 3: found "\\x1b", expected printable text'),
        ("a\u202eb", 'column 2: found "\\u202e", expected printable text'),
        ("a\ud800", 'column 2: found "\\ud800", expected printable text'),
        ("[bold]x", f'column 1: found "[bold]x", expected {AN_ADDRESS}'),
        ("port " + "x" * 50, f'column 6: found "{"x" * 39}…", expected {A_PORT}'),
        ("x" * 1001, 'column 1001: found "x", expected at most 1,000 characters'),
        ("!" * 40 + "tw", 'column 33: found "!", expected at most 32 levels of "(" and "not"'),
        ("(not " * 20 + "tw" + ")" * 20, 'column 81: found "(", expected at most 32 levels of "(" and "not"'),
    ],
)
def test_errors_say_where_what_and_what_instead(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_an_error_has_parts() -> None:
    with pytest.raises(QueryError) as caught:
        parse("port 99999")
    assert (caught.value.column, caught.value.found, caught.value.expected) == (6, "99999", A_PORT)


@pytest.mark.parametrize("hostile", ["(", "!", "not ", "not(", "a(", "[", "1.", ":", "a or (", "&|", "="])
def test_hostile_text_is_refused(hostile: str) -> None:
    with pytest.raises(QueryError):
        parse(hostile * (MAX_CHARACTERS // len(hostile)))


def test_long_and_deep_is_fine_within_bounds() -> None:
    assert len(parse("a " * 500).tests) == 500  # type: ignore[union-attr]
    assert len(parse("!a " * 300).tests) == 300  # type: ignore[union-attr]
    deep = parse("!" * MAX_DEPTH + "tw")
    assert matches(unparse(deep), Row())
    parse("(a or " * MAX_DEPTH + "b" + ")" * MAX_DEPTH)


def test_importing_loads_no_lark() -> None:
    code = 'import sys; from twtop.filter.parser import parse; parse(" "); sys.exit("lark" in sys.modules)'
    subprocess.run([sys.executable, "-c", code], check=True)


# Trees, drawn

PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
PORT = st.sampled_from([0, 1, 79, 80, 81, 443, 8080, 65534, 65535])
IPV4 = st.sampled_from(["0.0.0.0", "10.0.0.1", "10.0.0.5", "10.1.0.0", "192.168.0.1", "255.255.255.255"]).map(
    IPv4Address
)
IPV6 = st.sampled_from(["::", "::1", "::ffff:0", "::ffff:1:0:0", "fe80::1", "fe80:0:0:1::", "2001:db8::5"]).map(
    IPv6Address
)
ADDRESS: st.SearchStrategy[IPAddress] = IPV4 | IPV6
NAME = st.sampled_from(["nginx", "NGINX worker", "wrk", "and", "Straße", "8080", "tw", "", " ", 'a"b', "\\", ":x"])


def is_mapped(network: IPv6Network) -> bool:
    return network.prefixlen >= 96 and network.network_address.ipv4_mapped is not None


NETWORK = st.builds(
    lambda address, bits: IPv4Network((int(address), bits), strict=False), IPV4, st.integers(0, 32)
) | st.builds(lambda address, bits: IPv6Network((int(address), bits), strict=False), IPV6, st.integers(0, 128)).filter(
    lambda network: not is_mapped(network)
)
MS = st.sampled_from([0, 1, 999, 1000, 29_999, 30_000, 30_001, 60_000, 86_400_000])
TESTS: st.SearchStrategy[Query] = st.one_of(
    st.builds(
        lambda field, ends: PortTest(field, min(ends), max(ends)), st.sampled_from(PortField), st.tuples(PORT, PORT)
    ),
    st.builds(PortTest, st.sampled_from(PortField), st.just(80), st.just(80)),
    st.builds(AddressTest, st.sampled_from(AddressField), NETWORK),
    st.builds(StateTest, st.sampled_from(TcpState)),
    st.builds(ProcessTest, NAME | st.text(PRINTABLE, max_size=12)),
    st.builds(DirectionTest, st.sampled_from(Direction)),
    st.builds(TimingTest, st.sampled_from(TimingField), st.sampled_from(Comparison), MS | st.integers(0, 86_400_000)),
)


def joined(kind: type[And] | type[Or], parts: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    others = parts.filter(lambda part: not isinstance(part, kind))
    return st.lists(others, min_size=2, max_size=4).map(lambda tests: kind(tuple(tests)))


TREES = st.recursive(TESTS, lambda parts: st.builds(Not, parts) | joined(And, parts) | joined(Or, parts), max_leaves=12)
ROWS = st.lists(
    st.builds(
        Row,
        local=ADDRESS,
        lport=PORT,
        remote=ADDRESS,
        rport=PORT,
        state=st.sampled_from(TcpState),
        timer=st.sampled_from(Timer),
        timer_ms=st.sampled_from([-1, 0, 1, 999, 1000, 29_999, 30_000, 60_000, 61_000, 2**31 - 1]),
        direction=st.sampled_from(Direction),
        process=st.none() | NAME,
    ),
    max_size=8,
)
WORDS = st.lists(
    st.sampled_from(
        "port sport dport peer local src dst state process dir remaining age and or not && || ! ( ) = == != < <= > >="
        " 80 :80 1-2 65536 10.0.0.5 10.0.0.0/8 10.0.0.5:443 ::1 [::1]:80 fe80::/10 %eth0 tw estab out 10s 1.5m ms"
        " nginx 'a b' \" ' \\ , : / [b] é \x00 \n".split(" ")
    ),
    max_size=12,
).flatmap(lambda words: st.sampled_from(["", " ", "  "]).map(lambda gap: gap.join(words)))


def outcome(text: str) -> Query | QueryError:
    try:
        return parse(text)
    except QueryError as error:
        return error


@given(st.text() | st.text(string.printable) | WORDS)
def test_any_text_is_a_query_or_a_clear_error(text: str) -> None:
    read = outcome(text)
    if isinstance(read, QueryError):
        assert 1 <= read.column <= len(text) + 1
        assert str(read).isprintable()
        assert f'"{read.found}", expected {read.expected}' in str(read).replace("nothing", '""')
    else:
        assert unparse(read).isprintable()
        assert parse(unparse(read)) == read


@given(TREES)
def test_a_tree_survives_as_text(query: Query) -> None:
    text = unparse(query)
    assume(len(text) <= MAX_CHARACTERS)
    assert parse(text) == query
    assert hash(parse(text)) == hash(query)


# Trees over sockets, the slow and obvious way

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


@given(TREES | st.just(Everything()), ROWS)
def test_masks_agree_with_a_look_at_each_socket(query: Query, rows: list[Row]) -> None:
    found = apply_view(query, rows)
    assert found.dtype == np.bool_
    assert found.tolist() == [expected(query, row) for row in rows]


@given(st.lists(TESTS, min_size=2, max_size=3), ROWS)
def test_de_morgan(tests: list[Query], rows: list[Row]) -> None:
    negated = tuple(map(Not, tests))
    assert (apply_view(Not(And(tuple(tests))), rows) == apply_view(Or(negated), rows)).all()
    assert (apply_view(Not(Or(tuple(tests))), rows) == apply_view(And(negated), rows)).all()


@given(TREES)
def test_owners_are_asked_for_when_a_process_is(query: Query) -> None:
    assert needs_owners(query) == ("ProcessTest" in repr(query))


@pytest.mark.parametrize(
    "text",
    [
        "443",
        "41234",
        "10.0.0.5",
        "10.0.0.0/8 local 10.0.0.0/24",
        "::ffff:10.0.0.5",
        "::/0",
        "10.0.0.5:443",
        "tw wr",
        "port != 80",
        "remaining <= 30s age = 30s",
        "not (established or dir in)",
    ],
)
def test_matching(text: str) -> None:
    assert matches(text, Row())


@pytest.mark.parametrize(
    "text",
    ["80", "10.0.0.1", "local 10.0.0.5", "10.0.0.5:41234", "port != 443", "fe80::/10", "! wrk", "remaining < 30s"],
)
def test_not_matching(text: str) -> None:
    assert not matches(text, Row())


@pytest.mark.parametrize("comparison", list(Comparison))
def test_the_unknown_matches_no_comparison(comparison: str) -> None:
    unknown = Row(timer_ms=-1, process=None)
    assert not matches(f"remaining {comparison} 10s or age {comparison} 10s", unknown)
    assert not matches('process wrk or process != wrk or process ""', unknown)
