"""Rows of the sockets table: one, as the screen formats it, and many in numpy columns, as reports need them."""

from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from twtop import formatting as fmt
from twtop.columns.values import names
from twtop.frame.frame import Frame
from twtop.model import Mask, Process, Rows, Sockets, TcpState
from twtop.records import dataclass

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SocketRow:
    """One socket: a row of the frame's table."""

    frame: Frame
    index: int

    @property
    def left_ms(self) -> int:
        """What was left on the timer when the socket was read, −1 for unknown and for none."""
        return int(self.frame.snapshot.sockets.timer_ms[self.index])

    @property
    def age_ms(self) -> int:
        """From the entry into TIME_WAIT until the socket was read, −1 for unknown and for another state."""
        return int(self.frame.snapshot.sockets.age_ms[self.index])

    @property
    def process(self) -> Process | None:
        """Who holds the socket or held it, as far as that is known."""
        owners = self.frame.owners
        code = int(owners.process[self.index])
        return None if code < 0 else owners.processes[code]

    @property
    def held(self) -> bool:
        """Whether a descriptor leads to it."""
        sockets = self.frame.snapshot.sockets
        return bool(sockets.inode[self.index] or sockets.pid[self.index])

    @property
    def inferred(self) -> bool:
        return bool(self.frame.owners.inferred[self.index])

    @property
    def met(self) -> bool:
        return bool(self.frame.owners.met[self.index])

    @property
    def state(self) -> TcpState:
        return TcpState(self.frame.snapshot.sockets.state[self.index])

    @property
    def timer(self) -> int:
        return int(self.frame.snapshot.sockets.timer[self.index])

    def endpoint(self, local: bool) -> str:
        sockets = self.frame.snapshot.sockets
        code, port = (sockets.local, sockets.lport) if local else (sockets.remote, sockets.rport)
        return fmt.endpoint(sockets.addresses.integer(code[self.index]), int(port[self.index]))


@dataclass(frozen=True, eq=False, repr=False)
class ManySockets:
    """Many sockets of a frame's table; all that it gives has one value for each."""

    frame: Frame
    rows: Rows

    @classmethod
    def of_row(cls, row: SocketRow) -> "ManySockets":
        """The one socket, as many."""
        return cls(row.frame, np.array([row.index]))

    @property
    def sockets(self) -> Sockets:
        return self.frame.snapshot.sockets

    def each(self, column: NDArray[Number]) -> NDArray[Number]:
        """A column of all sockets of the frame, as it is for each of these."""
        return column[self.rows]

    @cached_property
    def local(self) -> list[str]:
        """Local addresses."""
        return names(self.sockets.addresses, self.each(self.sockets.local))

    @cached_property
    def remote(self) -> list[str]:
        """Remote addresses."""
        return names(self.sockets.addresses, self.each(self.sockets.remote))

    @cached_property
    def processes(self) -> list[Process | None]:
        """Who holds each socket or held it, as far as that is known."""
        known = (*self.frame.owners.processes, None)  # unknown is −1, which finds the last
        return [known[code] for code in self.each(self.frame.owners.process).tolist()]

    @property
    def inferred(self) -> list[bool]:
        """Whether the process is concluded from other sockets."""
        told: list[bool] = self.each(self.frame.owners.inferred).tolist()
        return told

    @property
    def met(self) -> list[bool]:
        """Whether the process was seen to hold others to the same destination."""
        told: list[bool] = self.each(self.frame.owners.met).tolist()
        return told

    @property
    def held(self) -> Mask:
        """Whether a descriptor leads to it; else sock_i_uid and inet_twsk_diag_fill report uid 0, which is not root."""
        held: Mask = self.each(self.sockets.inode) != 0
        return held
