"""The filter language: what a hand types, and what it is told."""

import string
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.drawn_filters import WORDS
from twtop.filter.parser import MAX_CHARACTERS, MAX_DEPTH, QueryError, parse
from twtop.filter.query import Query, StateTest, unparse
from twtop.model import TcpState

A_PORT = "a port number (0 to 65535)"
AN_ADDRESS = "an address such as 10.0.0.5, 10.0.0.0/8 or ::1"
A_STATE = (
    "a TCP state (established, syn-sent, syn-recv, fin-wait1, fin-wait2, time-wait,"
    " close, close-wait, last-ack, listen, closing)"
)
A_DURATION = "a duration such as 500ms, 10s or 1m, at most a day"
A_TEST = "a test such as port 443, 10.0.0.5, tw or nginx"
NO_TEST = '"and", "or" or another test'


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
        ("port 443-65536", f'column 6: found "443-65536", expected {A_PORT}'),
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
        ("port " + "x" * 40, f'column 6: found "{"x" * 40}", expected {A_PORT}'),
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
    assert unparse(deep) == "not " * MAX_DEPTH + "state time-wait"
    parse("(a or " * MAX_DEPTH + "b" + ")" * MAX_DEPTH)


def test_importing_loads_no_lark() -> None:
    code = 'import sys; from twtop.filter.parser import parse; parse(" "); sys.exit("lark" in sys.modules)'
    subprocess.run([sys.executable, "-c", code], check=True)


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
