"""The text of /proc/net/tcp{,6} → columns: as from a dump of the same sockets, or one line that says why not."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.proc_net_tcp import HEAD4, HEAD6, proc_tables
from tests.support.sock_diag_dump import Block, encode, many, sock
from twtop.model import UNKNOWN_QUEUE, Sockets, Timer
from twtop.sources.decode_procfs import UID, decode_tables
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.probe import CollectError

SOCKETS = (
    sock("0.0.0.0:22", state="LISTEN", inode=4294967295, uid=0),
    sock("[::]:80", state="LISTEN", inode=1, uid=4294967294),
    sock("10.0.0.1:41234", "10.0.0.5:443", "TIME_WAIT", remaining=41.2),
    sock("10.0.0.1:41235", "10.0.0.5:443", "FIN_WAIT2", timer=Timer.TIMEWAIT, remaining=0),
    sock("10.0.0.1:41236", "10.0.0.5:443", "ESTABLISHED", uid=1000, inode=123456, rqueue=7, wqueue=99),
    sock("10.0.0.1:41237", "10.0.0.5:443", "SYN_SENT", remaining=1.02, uid=65534, inode=77),
    sock("10.0.0.1:41239", "10.0.0.5:443", "CLOSING", uid=33, inode=79),
    sock("[2001:db8::1]:41234", "[2001:db8:0:1::5]:443", "TIME_WAIT", remaining=59.99),
    sock("[2001:db8::1]:41235", "[2001:db8:0:1::5]:443", "LAST_ACK", remaining=7200, timer=Timer.KEEPALIVE),
    sock("[::ffff:10.0.0.1]:41238", "[::ffff:10.0.0.5]:443", "CLOSE_WAIT", uid=33, inode=78),
)


def decoded(*blocks: Block) -> Sockets:
    return decode_tables("".join(proc_tables(*blocks).values()).encode())


def rows(sockets: Sockets) -> set[tuple[int, ...]]:
    """What both sources can know of each socket."""
    ends = (sockets.addresses.integer(code) for column in (sockets.local, sockets.remote) for code in column.tolist())
    addresses = list(ends)
    columns = (sockets.lport, sockets.rport, sockets.state, sockets.timer, sockets.timer_ms, sockets.rqueue)
    owners = (sockets.uid, sockets.inode)
    numbers = [column.tolist() for column in (*columns, *owners)]
    return set(zip(addresses[: len(sockets)], addresses[len(sockets) :], *numbers, strict=True))


def test_the_same_as_from_a_dump() -> None:
    assert rows(decoded(*SOCKETS)) == rows(decode_dump(encode(*SOCKETS)))


def test_no_sockets() -> None:
    assert len(decoded()) == len(decode_tables(b"")) == len(decode_tables(HEAD4.encode())) == 0


def test_a_table_of_one_family_alone() -> None:
    ipv4, ipv6 = (table.encode() for table in proc_tables(*SOCKETS).values())
    assert (len(decode_tables(ipv4)), len(decode_tables(ipv6))) == (6, 4)
    assert rows(decode_tables(ipv6 + ipv4)) == rows(decode_tables(ipv4 + ipv6))


def test_line_numbers_of_any_width() -> None:
    """From 10,000 on they push all columns to the right."""
    count = 10_003
    lports = np.arange(count) % 60_000 + 1024
    blocks = [many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=lports, remaining=np.arange(count) % 6000 / 100)]
    blocks.append(many("fd00::1", "[fd00::5]:443", "ESTABLISHED", lports=lports, inode=1 + np.arange(count)))
    assert rows(decoded(*blocks)) == rows(decode_dump(encode(*blocks)))


def test_a_socket_that_was_met_twice_is_one() -> None:
    assert len(decoded(*SOCKETS, SOCKETS[2])) == len(SOCKETS)


LINE = proc_tables(SOCKETS[4])["net/tcp"].encode().splitlines()[1]
"""Of an established connection, without the end of the line."""


def only(line: bytes) -> Sockets:
    (found,) = [decode_tables(HEAD4.encode() + line + b"\n")]
    assert len(found) == 1
    return found


def test_the_widest_numbers() -> None:
    """As an owner, as a timeout and as an inode; twtop keeps 32 bits of an inode."""
    wide = LINE.replace(b"  1000        0 123456 ", b" 4294967294 4294967295 18446744073709551615 ")
    assert len(wide) > len(LINE)
    assert (only(wide).uid.tolist(), only(wide).inode.tolist()) == ([2**32 - 2], [2**32 - 1])


def test_a_timer_beyond_the_column_stays_at_its_end() -> None:
    late = LINE.replace(b" 00:00000000 ", b" 01:FFFFFFFF ")
    assert only(late).timer_ms.tolist() == [2**31 - 8]


@pytest.mark.parametrize(("shown", "retransmits"), [(b"00000003", 3), (b"000000FE", 254), (b"00000100", 255)])
def test_retransmits_are_read_as_far_as_the_column_goes(shown: bytes, retransmits: int) -> None:
    assert only(LINE.replace(b" 00000000  1000 ", b" " + shown + b"  1000 ")).retransmits.tolist() == [retransmits]


def test_the_send_queue_of_a_listener_is_unknown_and_that_of_a_connection_is_not() -> None:
    listener = proc_tables(SOCKETS[0])["net/tcp"].encode().splitlines()[1]
    assert only(listener).wqueue.tolist() == [UNKNOWN_QUEUE]
    assert (only(LINE).wqueue.tolist(), only(LINE).rqueue.tolist()) == ([99], [7])


WHOLE = "".join(proc_tables(*SOCKETS).values()).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHOLE[:-1], "no end"),
        (HEAD4.encode() + b"   0: 0100007F:1F90\n", "cut off"),
        (HEAD6.encode() + b"nonsense\n", "cut off"),
        (HEAD4.encode() + LINE[: LINE.index(b":") + UID + 16] + b"\n", "cut off"),
        (b"\n", "cut off"),
        (WHOLE.replace(b"0100000A", b"0100000G"), "hexadecimal"),
        (WHOLE.replace(b"0100000A", b"01 0000A"), "hexadecimal"),
        (WHOLE.replace(b":01BB 06 ", b":01BB 0F "), "TCP state"),
        (WHOLE.replace(b" 123456 ", b" x23456 "), "three numbers"),
        (WHOLE.replace(b" 123456 ", b" 12345x "), "three numbers"),
        (WHOLE.replace(b" 123456 ", b" " + b"1" * 40 + b" "), "three numbers"),
        (WHOLE.replace(b" 123456 ", b" 12:456 "), "three numbers"),
        (HEAD4.encode() + LINE[: LINE.index(b" 123456 ") + 7] + b"\n", "three numbers"),
    ],
)
def test_damage_is_told(text: bytes, said: str) -> None:
    assert text != WHOLE
    with pytest.raises(CollectError, match=said) as caught:
        decode_tables(text)
    assert "\n" not in str(caught.value)


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)), st.binary(max_size=80))
@example(0, 0, b"  sl")
@example(0, len(WHOLE), b"\n\n")
@example(0, len(WHOLE), b"   0:\n")
@example(0, len(WHOLE), b"\xff\x00\n")
def test_no_text_is_a_surprise(start: int, stop: int, piece: bytes) -> None:
    text = WHOLE[: min(start, stop)] + piece + WHOLE[max(start, stop) :]
    try:
        sockets = decode_tables(text)
    except CollectError:
        return
    assert len(sockets) <= text.count(b"\n")
