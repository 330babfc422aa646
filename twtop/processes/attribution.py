"""Sockets + holders → owners, those of TIME_WAIT too, which the kernel keeps without one.

A socket without an inode has no descriptor any more: TIME_WAIT, a closed FIN_WAIT2, other orphans, and connections that
were not accepted yet. Its owner is whoever was seen to hold the same 4-tuple in a dump before: that is remembered, and
counts as seen. Else it is inferred: from the listener of its local port, or from the sockets to the same destination
when all of them belong to processes of one name.
"""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Inodes, factorize, fused, index_of
from twtop.model import PORTS, Codes, Mask, Owners, Process, Rows, Sockets, TcpState
from twtop.processes.inode_map import NOBODY, Holders

Keys = NDArray[np.uint64]
Processes = tuple[Process, ...]

MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Of splitmix64."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The connections of the last dump whose holder was seen, or may still be; `key` ascends."""

    key: Keys
    inode: Inodes
    process: Codes
    processes: Processes


MY_UID = os.geteuid() if hasattr(os, "geteuid") else 0


def hint(hidden: int, uid: int = MY_UID) -> str:
    """Why so many sockets have no owner, and what to do about it."""
    means = "run twtop as root" if uid else "twtop needs CAP_SYS_PTRACE"
    return f"{hidden:,} sockets belong to processes of other users, which may not be read: {means} to see their names"


class OwnerTracker:
    """Who owns the sockets of one dump after the other. It remembers no tuple that the last dump had not.

    `uid` is the reader's: sockets of others that were searched for in vain are hidden.
    """

    def __init__(self, uid: int = MY_UID) -> None:
        self._uid = uid
        self._memory = Memory(np.empty(0, np.uint64), NOBODY.inode, NOBODY.process, ())
        self._last: tuple[Sockets, Holders, Owners] | None = None
        self._salt = int.from_bytes(os.urandom(8))  # else somebody could choose addresses that are taken for each other

    def assign(self, sockets: Sockets, holders: Holders) -> Owners:
        """The owner of each socket as far as it is known now; again for the same sockets when more holders are.

        A tuple that was closed, used anew and closed again between two dumps keeps the owner that it had.
        """
        if self._last is None or self._last[0] is not sockets or self._last[1] is not holders:
            self._last = sockets, holders, self._assign(sockets, holders)
        return self._last[2]

    def _assign(self, sockets: Sockets, holders: Holders) -> Owners:
        memory = self._memory
        processes, of_holders, of_memory = _merged(holders.processes, memory.processes)
        process, inode = of_holders[holders.of(sockets.inode)], sockets.inode.copy()
        destination, key = _keys(sockets, self._salt)
        closed = np.flatnonzero(sockets.is_connection & (inode == 0)) if len(memory.key) else np.empty(0, np.intp)
        closed = closed[np.argsort(key[closed])]
        at = index_of(key[closed], memory.key)
        known, at = closed[at >= 0], at[at >= 0]
        inode[known], process[known] = memory.inode[at], of_memory[memory.process[at]]
        late = known[process[known] < 0]  # the search may have found it before it was closed
        process[late] = of_holders[holders.of(inode[late])]
        kept = np.flatnonzero(sockets.is_connection & ((process >= 0) | (inode != 0)))
        kept = kept[np.argsort(key[kept])]
        self._memory = _memory(key[kept], inode[kept], process[kept], processes)
        owner = _inferred(sockets, destination, process, processes)
        return Owners(owner, owner != process, processes, self._hidden(sockets, process, holders))

    def _hidden(self, sockets: Sockets, process: Codes, holders: Holders) -> int:
        unknown = (process < 0) & (sockets.inode != 0) & (sockets.uid != self._uid)
        return int(np.count_nonzero(index_of(sockets.inode[unknown], holders.hidden) >= 0))


def _merged(here: Processes, there: Processes) -> tuple[Processes, Codes, Codes]:
    """All processes by pid; and for each of the given tuples its codes in there, with −1 for its −1."""
    every = tuple(sorted({*here, *there}, key=lambda process: (process.pid, process.name)))
    number = {process: code for code, process in enumerate(every)}
    recoded = (np.array([*map(number.__getitem__, part), -1], np.int32) for part in (here, there))
    return every, next(recoded), next(recoded)


def _memory(key: Keys, inode: Inodes, process: Codes, processes: Processes) -> Memory:
    """Only the processes that are in use are kept."""
    used = np.bincount(process + 1, minlength=len(processes) + 1)[1:] > 0
    recoded = np.append(np.cumsum(used) - 1, -1).astype(np.int32)[process]
    return Memory(key, inode, recoded, tuple(processes[code] for code in np.flatnonzero(used)))


def _keys(sockets: Sockets, salt: int) -> tuple[Keys, Keys]:
    """(destination, 4-tuple) of each socket as 64-bit hashes: of 100,000 two are equal once in 10⁹ dumps."""
    addresses = sockets.addresses
    near = _mixed(addresses.lo + _mixed(addresses.hi ^ np.uint64(salt)))
    far = _mixed(near)
    rport, lport = (port * np.uint64(MULTIPLIERS[0]) for port in (sockets.rport, sockets.lport))
    destination = near[sockets.local] + far[sockets.remote] + _mixed(rport)
    return destination, destination + lport


def _mixed(number: Keys) -> Keys:
    for multiplier in MULTIPLIERS:
        number = (number ^ number >> np.uint64(30)) * np.uint64(multiplier)
    return number ^ number >> np.uint64(31)


def _inferred(sockets: Sockets, destination: Keys, process: Codes, processes: Processes) -> Codes:
    """The same processes, and those inferred for connections without a descriptor."""
    number = {"": -1}  # a name that could not be read
    names = np.array([*(number.setdefault(each.name, len(number)) for each in processes), -1], np.int32)
    rows = np.flatnonzero((process < 0) & (sockets.inode == 0) & sockets.is_connection)
    owner = process.copy()
    owner[rows], accepted = _of_listeners(sockets, rows, process, names)
    clients = rows[~accepted]
    owner[clients] = _of_destinations(sockets, clients, destination, process, names)
    return owner


def _of_listeners(sockets: Sockets, rows: Rows, process: Codes, names: Codes) -> tuple[Codes, Mask]:
    """(process of the listener on each row's local port, −1 where unknown; whether there is a listener at all).

    One on this very address comes first, then one on any IPv4 address, then one on `::`, as in inet_lhash2_lookup.
    """
    addresses = sockets.addresses
    listeners = np.flatnonzero(sockets.state == TcpState.LISTEN)
    any_ipv4, any_ipv6 = len(addresses), len(addresses) + 1
    place = np.where(addresses.is_wildcard, np.where(addresses.is_ipv4, any_ipv4, any_ipv6), np.arange(len(addresses)))
    listening = fused((place[sockets.local[listeners]], 32), (sockets.lport[listeners], 16))
    owner, found = np.full(len(rows), -1, np.int32), np.zeros(len(rows), np.bool_)
    if not len(listeners):
        return owner, found
    own, ipv4 = sockets.local[rows], addresses.is_ipv4[sockets.local[rows]]
    listened = np.zeros(PORTS, np.bool_)
    listened[sockets.lport[listeners]] = True
    candidate = listened[sockets.lport[rows]]
    for at in (own, np.where(ipv4, any_ipv4, any_ipv6), np.full(len(rows), any_ipv6)):
        left = np.flatnonzero(candidate & ~found)
        wanted = fused((at[left], 32), (sockets.lport[rows[left]], 16))
        owner[left], found[left] = _unanimous(listening, process[listeners], wanted, names)
    return owner, found


def _of_destinations(sockets: Sockets, rows: Rows, destination: Keys, process: Codes, names: Codes) -> Codes:
    """The process to which all other sockets to the same (local IP, remote IP, remote port) belong.

    A live socket whose holder is not found yet does not count, unless it is another user's.
    """
    live, seen = sockets.is_connection & (sockets.inode != 0), sockets.is_connection & (process >= 0)
    unseen = np.flatnonzero(live & ~seen)
    strange = unseen[~np.isin(sockets.uid[unseen], sockets.uid[live & seen])]
    witnesses = np.append(np.flatnonzero(seen), strange)
    owner, _ = _unanimous(destination[witnesses], process[witnesses], destination[rows], names)
    return owner


def _unanimous(keys: Keys, process: Codes, wanted: Keys, names: Codes) -> tuple[Codes, Mask]:
    """(the lowest process among the bearers of each wanted key, −1 unless all have one name; whether there are any)."""
    if not len(keys) or not len(wanted):
        return np.full(len(wanted), -1, np.int32), np.zeros(len(wanted), np.bool_)
    codes, distinct = factorize(np.append(keys, wanted))
    bearer, asked = codes[: len(keys)], codes[len(keys) :]
    name = np.full(len(distinct), -1, np.int32)
    name[bearer] = names[process]
    agreed, there = name >= 0, np.zeros(len(distinct), np.bool_)
    agreed[bearer[name[bearer] != names[process]]] = False
    there[bearer] = True
    lowest = np.full(len(distinct), len(names), np.int32)
    np.minimum.at(lowest, bearer, process)
    return np.where(agreed, lowest, -1)[asked], there[asked]
