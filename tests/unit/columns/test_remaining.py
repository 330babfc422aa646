"""The time left on a timer, and which one it is."""

import pytest

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import make_sample, sock
from twtop.columns.socket_rows import SocketRow
from twtop.columns.sockets import SOCKETS
from twtop.frame.view import SocketSort
from twtop.model import Timer

NEW = 9
"""No kernel has this timer yet."""


@pytest.mark.parametrize(
    ("timer", "name"),
    [(Timer.RETRANSMIT, "retransmit"), (Timer.KEEPALIVE, "keepalive"), (Timer.PROBE, "probe"), (NEW, "timer")],
)
def test_a_timer_has_its_name_if_it_has_one(timer: int, name: str) -> None:
    (frame,) = frames(make_sample(sock("10.0.0.1:40000", "10.0.0.5:443", remaining=5, timer=timer)))
    column = SOCKETS.sorted_by(SocketSort.REMAINING)
    assert "".join(part for part, _ in column.cell(SocketRow(frame, 0), 30)) == f"{name} 5.0 s"
