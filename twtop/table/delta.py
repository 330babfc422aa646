"""What changed from one socket table to the next: enough to make the next of the one before, to the last bit.

A TIME_WAIT that stays loses time on its timer and nothing else. So of 100,000 sockets a delta has those that are new,
where each other one stood before, and the time that all timers lost.
"""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import address_names, index_of
from twtop.model import Addresses, Codes, Mask, Rows, Sockets
from twtop.records import dataclass, freeze
from twtop.table.origin import origin

LONGEST_MS = 2**31 - 1
COLUMNS = tuple(each.name for each in fields(Sockets) if each.init and each.name not in ("addresses", "origin"))
COMPARED = tuple(name for name in COLUMNS if name not in ("local", "remote", "timer_ms"))


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """From the table `before` to the table `now`.

    - `origin` is the row in the table before of each socket of now, −1 where there is none: (now,). A row has none if
      its socket is new, or if anything of it changed but the time on its timer.
    - `address_origin` is the same of the addresses: (addresses of now,).
    - `new` are the sockets without an origin, in their order, with all addresses of now.
    - `step_ms` is how much time each other one lost on its timer, in their order: (kept,). It is the same for all, but
      for the few ms in which the kernel walks its table, and for timers that were set anew. A timer has at least 0
      left, and one that does not run loses nothing.
    """

    origin: Rows
    address_origin: Rows
    new: Sockets
    step_ms: Codes

    def __post_init__(self) -> None:
        freeze(self.origin, self.address_origin, self.step_ms)

    def gone(self, before: Sockets) -> Rows:
        """The rows of the table before that are no origin."""
        return np.flatnonzero(~hit(self.origin, len(before)))

    def applied(self, before: Sockets) -> Sockets:
        """The table of now: the same rows in the same order, addresses and indexes too."""
        if not len(before):
            return self.new
        is_new = self.origin < 0
        new, kept = np.flatnonzero(is_new), np.flatnonzero(~is_new)
        columns = dict[str, NDArray[Any]]()
        for name in COLUMNS:
            columns[name] = np.take(getattr(before, name), self.origin)  # −1 takes some row, until the new one is there
        if (number := renumbered(self.address_origin, len(before.addresses))) is not None:
            columns |= {name: np.take(number, columns[name]) for name in ("local", "remote")}
        columns["timer_ms"][kept] = later(columns["timer_ms"][kept], self.step_ms)
        for name in COLUMNS:
            columns[name][new] = getattr(self.new, name)
        return Sockets(self.new.addresses, **columns, origin=self.origin)


def no_sockets() -> Sockets:
    """The empty table. The delta from it to another is the whole of that."""
    types = {"state": "u1", "timer": "u1", "local": "i4", "remote": "i4", "lport": "u2", "rport": "u2"}
    types |= {"timer_ms": "i4", "retransmits": "u1", "timestamps": "u1", "identity": "u8"}
    none = Addresses(np.empty(0, np.uint64), np.empty(0, np.uint64))
    columns = {name: np.empty(0, types.get(name, "u4")) for name in COLUMNS}
    return Sockets(none, **columns, origin=np.empty(0, np.intp))


def delta(before: Sockets, now: Sockets) -> Delta:
    """What changed between these tables.

    Sockets are matched by identity.
    """
    address_origin = _address_origin(before.addresses, now.addresses)
    rows = _each_once(origin(before.identity, now.identity), len(before))
    found = np.flatnonzero(rows >= 0)
    same = _same(before, rows[found], now, found, renumbered(address_origin, len(before.addresses)))
    kept = found if same.all() else found[same]
    was = np.full(len(now), -1, np.intp)
    was[kept] = rows[kept]
    step_ms = _steps(before.timer_ms[was[kept]], now.timer_ms[kept])
    return Delta(was, address_origin, now.take(np.flatnonzero(was < 0)), step_ms)


def later(timer_ms: Codes, step_ms: Codes) -> Codes:
    """What is left on these timers after these steps, in ms; −1 stays what it is."""
    left = np.clip(timer_ms.astype(np.int64) - step_ms, 0, LONGEST_MS).astype(np.int32)
    return np.where(timer_ms < 0, timer_ms, left)


def hit(rows: Rows, count: int) -> Mask:
    """Mask (count,) of the rows that are among these, which may be −1 for none."""
    mask = np.zeros(count + 1, np.bool_)
    mask[rows] = True
    return mask[:count]


def renumbered(address_origin: Rows, count: int) -> Codes | None:
    """The index in the table of now of each of the `count` addresses before, −1 where it has none; None if all indexes
    are what they were.
    """
    if len(address_origin) >= count and (address_origin[:count] == np.arange(count)).all():
        return None
    number = np.full(count + 1, -1, np.int32)
    number[address_origin] = np.arange(len(address_origin), dtype=np.int32)
    return number[:count]


def _address_origin(before: Addresses, now: Addresses) -> Rows:
    """The index in the addresses before of each address of now, −1 for new ones."""
    shared = min(len(before), len(now))
    found = np.full(len(now), -1, np.intp)
    if before is now or all((a[:shared] == b[:shared]).all() for a, b in ((before.hi, now.hi), (before.lo, now.lo))):
        found[:shared] = np.arange(shared)  # addresses are appended, unless some are forgotten
        return found
    mine, theirs = address_names(before), address_names(now)
    order = np.argsort(mine)
    rows = np.append(order, -1)[index_of(theirs, mine[order])]
    same = rows >= 0
    same[same] = (before.hi[rows[same]] == now.hi[same]) & (before.lo[rows[same]] == now.lo[same])
    return _each_once(np.where(same, rows, -1), len(before))


def _each_once(rows: Rows, count: int) -> Rows:
    """The same rows, which are below `count` or −1, but of each the last alone; −1 in the place of all others."""
    last = np.zeros(count + 1, np.intp)
    last[rows] = np.arange(len(rows))
    return np.where(last[rows] == np.arange(len(rows)), rows, -1)


def _same(before: Sockets, rows: Rows, now: Sockets, found: Rows, number: Codes | None) -> Mask:
    """Mask of the sockets that are equal in these rows of both tables, in everything but the time on a timer."""
    every = len(found) == len(now)

    def here(name: str) -> NDArray[Any]:
        column: NDArray[Any] = getattr(now, name)
        return column if every else np.take(column, found)

    same: Mask = (np.take(before.timer_ms, rows) < 0) == (here("timer_ms") < 0)
    for name in COMPARED:
        if getattr(before, name).any() or getattr(now, name).any():  # some are 0 in most tables
            same &= np.take(getattr(before, name), rows) == here(name)
    for name in ("local", "remote"):
        side = np.take(getattr(before, name), rows)
        same &= (side if number is None else np.take(number, side)) == here(name)
    return same


def _steps(was_ms: Codes, left_ms: Codes) -> Codes:
    """How much time each of these timers lost. One that has run out, or does not run, takes the step of the one ahead
    of it if that explains it.
    """
    step = was_ms - left_ms
    runs = left_ms > 0
    known = np.flatnonzero(runs)
    if not len(known) or len(known) == len(step):
        return step
    others = np.flatnonzero(~runs)
    likely = step[known[np.maximum(np.searchsorted(known, others) - 1, 0)]]
    step[others] = np.where(later(was_ms[others], likely) == left_ms[others], likely, step[others])
    return step
