"""Text of /proc/net/tcp and tcp6 → columns, against a reading line by line."""

import random
import re
import struct

from tests.fuzz.target import Target, demand
from tests.fuzz.targets.sock_diag import Told, same_sockets
from tests.support.decoded_rows import Row, rows
from twtop.model import UNKNOWN_QUEUE, TcpState, Timer
from twtop.sources.decode_procfs import decode_tables
from twtop.sources.probe import CollectError

HEX = "[0-9A-Fa-f]"
LINE = re.compile(
    rf" *\d+: (?P<local>{HEX}{{8}}|{HEX}{{32}}):(?P<lport>{HEX}{{4}})"
    rf" (?P<remote>{HEX}{{8}}|{HEX}{{32}}):(?P<rport>{HEX}{{4}}) (?P<state>{HEX}{{2}})"
    rf" (?P<wqueue>{HEX}{{8}}):(?P<rqueue>{HEX}{{8}}) (?P<timer>{HEX}{{2}}):(?P<left>{HEX}{{8}})"
    rf" (?P<retransmits>{HEX}{{8}}) +(?P<uid>\d{{1,10}}) +(?P<timeout>\d{{1,10}}) (?P<inode>\d{{1,20}}) +\d.*",
    re.ASCII,
)
"""As get_tcp4_sock, get_tcp6_sock, get_openreq4 and get_timewait4_sock print it."""


def as_printed(text: str) -> list[Told] | None:
    """What the lines say; None unless all are as the kernel prints them."""
    if text and not text.endswith("\n"):
        return None
    found = []
    for line in text.split("\n")[:-1]:
        if line.startswith("  sl "):
            continue
        match = LINE.fullmatch(line)
        if match is None or len(match["local"]) != len(match["remote"]):
            return None
        state, timer = int(match["state"], 16), int(match["timer"], 16)
        if not 1 <= state <= max(TcpState):
            return None
        owned = timer != Timer.TIMEWAIT
        left = min(int(match["left"], 16), (2**31 - 1) // 10) * 10
        row = Row(
            _address(match["local"]),
            int(match["lport"], 16),
            _address(match["remote"]),
            int(match["rport"], 16),
            state,
            timer,
            -1 if timer == Timer.OFF else left,
            0,
            int(match["rqueue"], 16),
            UNKNOWN_QUEUE if state == TcpState.LISTEN else int(match["wqueue"], 16),
            int(match["uid"]) & 0xFFFF_FFFF if owned else 0,
            int(match["inode"]) & 0xFFFF_FFFF if owned else 0,
        )
        found.append((row, 0))
    return found


def _address(text: str) -> int:
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return int.from_bytes(packed) | (0xFFFF << 32 if len(words) == 1 else 0)


def check(data: bytes) -> None:
    plain = as_printed(data.decode("latin-1"))
    try:
        sockets = decode_tables(data)
    except CollectError as error:
        demand(str(error).isprintable(), "an error is one line")
        demand(plain is None, "these lines are as the kernel prints them, and were refused")
        return
    if plain is not None:
        same_sockets([*zip(rows(sockets), map(int, sockets.timestamps), strict=True)], plain)


def change(data: bytes, chance: random.Random) -> bytes:
    """The tables with a character of a line, or a line, changed."""
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    line = bytearray(lines[at])
    match chance.randrange(5):
        case 0:
            lines.insert(chance.randrange(len(lines)), bytes(line))
        case 1:
            del lines[at]
        case 2 if line:
            del line[chance.randrange(len(line))]
            lines[at] = bytes(line)
        case _ if line:
            line[chance.randrange(len(line))] = chance.choice(b"0123456789ABCDEF :\nx\xff")
            lines[at] = bytes(line)
    return b"\n".join(lines)


TARGET = Target(check, change=change, most=2048)
