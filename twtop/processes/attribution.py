"""Sockets + holders → owners, also of TIME_WAIT, which the kernel keeps without an owner.

A TIME_WAIT has no descriptor, nor has a closed FIN_WAIT2, any other orphan, or a connection that is not accepted yet.
The owner of such a socket is the process that was seen to hold it in an earlier dump, or its 4-tuple in the dump before
or in a glimpse between them (Sighting); that is remembered, and counts as seen. Otherwise the owner is inferred: from
the listener on its local port, or from the other sockets to the same destination if all of them belong to processes of
one name. Then what was seen is that a process of this name connects there, and not that it had this very connection.
"""

import os

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Keys, factorize, fused, index_of, mixed
from twtop.model import PORTS, Codes, Inodes, Mask, Owners, Process, Rows, Sockets, TcpState
from twtop.processes.inode_map import NOBODY, Holders
from twtop.processes.sightings import Sightings
from twtop.records import dataclass
from twtop.table.origin import origin

Processes = tuple[Process, ...]

MY_UID = os.geteuid() if hasattr(os, "geteuid") else 0

PORT_SPREAD = np.uint64(0xBF58476D1CE4E5B9)
"""Odd, with bits that look random (splitmix64): its products with two ports differ all over 64 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The connections of the last dump whose holder was seen, or may yet be found, by `identity`.

    `key` are the 4-tuples of those that had a descriptor, in ascending order, and `row` is where each of them is here.
    A TIME_WAIT that one of them leaves has another identity. `ports` masks the local ports of these.
    """

    identity: Keys
    inode: Inodes
    process: Codes
    processes: Processes
    key: Keys
    row: Rows
    ports: Mask

    def find(self, sockets: Sockets, closed: Rows, ends: "Ends") -> tuple[Rows, Rows]:
        """(those of these sockets without a descriptor that are known, the row of each here)."""
        found = origin(self.identity, sockets.identity.take(closed))
        unknown = np.flatnonzero((found < 0) & self.ports.take(sockets.lport.take(closed)))
        found[unknown] = np.append(self.row, -1)[index_of(ends.keys(closed[unknown]), self.key)]
        known = np.flatnonzero(found >= 0)
        return closed[known], found[known]


class Ends:
    """Names of what sockets connect, as 64-bit hashes. Of 100,000 any two are equal once in 10⁹ dumps.

    They are asked for few sockets of a table, since most are told apart by a port.
    """

    def __init__(self, sockets: Sockets, salt: int) -> None:
        addresses = sockets.addresses
        self._sockets = sockets
        self._near = mixed(addresses.lo + mixed(addresses.hi ^ np.uint64(salt)))
        self._far = mixed(self._near)

    def destinations(self, rows: Rows | slice = slice(None)) -> Keys:
        """(local IP, remote IP, remote port) of these sockets."""
        sockets = self._sockets
        rport: Keys = sockets.rport[rows].astype(np.uint64)
        ends: Keys = self._near.take(sockets.local[rows]) + self._far.take(sockets.remote[rows])
        return ends + mixed(rport * PORT_SPREAD)

    def keys(self, rows: Rows | slice = slice(None)) -> Keys:
        """Their 4-tuples."""
        return self.destinations(rows) + self._sockets.lport[rows] * PORT_SPREAD


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """Connections that were seen with their holder between two dumps. `key` ascends."""

    key: Keys
    destination: Keys
    inode: Inodes
    uid: NDArray[np.uint32]
    process: Codes

    def found_in(self, sockets: Sockets, ends: Ends, inode: Inodes, process: Codes) -> tuple[Rows, Rows]:
        """(the sockets without a process that were met, the row of each here)."""
        rows = np.flatnonzero(sockets.is_connection & (process < 0)) if len(self.key) else np.empty(0, np.intp)
        at = index_of(ends.keys(rows), self.key)
        rows, at = rows[at >= 0], at[at >= 0]
        same = (inode[rows] == 0) | (inode[rows] == self.inode[at])
        return rows[same], at[same]


NOBODY_MET = Met(np.empty(0, np.uint64), np.empty(0, np.uint64), NOBODY.inode, NOBODY.inode, NOBODY.process)


def hint(hidden: int, uid: int = MY_UID) -> str:
    """A line that says why so many sockets have no owner, and what a reader with this uid can do about it."""
    means = "run twtop as root" if uid else "twtop needs CAP_SYS_PTRACE"
    return f"{hidden:,} sockets belong to processes of other users, which may not be read: {means} to see their names"


class OwnerTracker:
    """Tells who owns the sockets of one dump after the other. It remembers no more than the last dump's 4-tuples.

    `uid` is the reader's. Sockets of other users that a search did not find count as hidden.
    """

    def __init__(self, uid: int = MY_UID) -> None:
        self._uid = uid
        nothing = np.empty(0, np.uint64)
        no_rows, no_ports = np.empty(0, np.intp), np.zeros(PORTS, np.bool_)
        self._memory = Memory(nothing, NOBODY.inode, NOBODY.process, (), nothing, no_rows, no_ports)
        self._last: tuple[tuple[Sockets, Holders, Sightings], Owners] | None = None
        self._salt = int.from_bytes(os.urandom(8))  # so that nobody can choose addresses whose keys are equal

    def assign(self, sockets: Sockets, holders: Holders, sightings: Sightings = ()) -> Owners:
        """The owner of each socket, as far as it is known. Call it again for the same sockets once more is known.

        A 4-tuple that was open, and was closed, used anew and closed again between two dumps, keeps its former owner.
        """
        given = sockets, holders, sightings  # compared by identity
        if self._last is None or self._last[0] != given:
            self._last = given, self._assign(*given)
        return self._last[1]

    def _assign(self, sockets: Sockets, holders: Holders, sightings: Sightings) -> Owners:
        memory = self._memory
        known_by = [holders.processes, memory.processes, *(sighting.processes for sighting in sightings)]
        processes, (of_holders, of_memory, *of_sightings) = _merged(known_by)
        is_held, process, inode = sockets.is_held, np.full(len(sockets), -1, np.int32), sockets.inode.copy()
        open_ = np.flatnonzero(is_held)
        process[open_] = of_holders[holders.of_sockets(sockets, open_)]
        ends, closed = Ends(sockets, self._salt), np.flatnonzero(sockets.is_connection & ~is_held)
        known, at = memory.find(sockets, closed, ends)
        inode[known], process[known] = memory.inode[at], of_memory[memory.process[at]]
        late = known[process[known] < 0]  # the search may find the holder after the close
        process[late] = of_holders[holders.of(inode[late])]
        met = _met(sightings, of_sightings, self._salt)
        rows, at = met.found_in(sockets, ends, inode, process)
        inode[rows], process[rows] = met.inode[at], met.process[at]
        kept = np.flatnonzero(sockets.is_connection & ((process >= 0) | (inode != 0)))
        held = np.flatnonzero(is_held.take(kept))
        key, ports = ends.keys(kept[held]), np.zeros(PORTS, np.bool_)
        order = np.argsort(key)
        ports[sockets.lport[kept[held]]] = True
        used, recoded = _with_used(process[kept], processes)
        self._memory = Memory(sockets.identity[kept], inode[kept], recoded, used, key[order], held[order], ports)
        owner, by_destination = _inferred(sockets, is_held, ends, process, processes, met)
        return Owners(owner, owner != process, by_destination, processes, self._hidden(sockets, process, holders))

    def _hidden(self, sockets: Sockets, process: Codes, holders: Holders) -> int:
        """How many sockets of other users no readable process holds."""
        unknown = np.flatnonzero((process < 0) & (sockets.inode != 0))
        unknown = unknown[sockets.uid[unknown] != self._uid]
        return int(np.count_nonzero(index_of(sockets.inode[unknown], holders.hidden) >= 0))


def _merged(parts: list[Processes]) -> tuple[Processes, list[Codes]]:
    """(all processes by pid, for each part the new code of each of its processes). Code −1 stays −1."""
    every = tuple(sorted({process for part in parts for process in part}, key=lambda each: (each.pid, each.name)))
    number = {process: code for code, process in enumerate(every)}
    return every, [np.array([*map(number.__getitem__, part), -1], np.int32) for part in parts]


def _met(sightings: Sightings, codes: list[Codes], salt: int) -> Met:
    """All sightings as one table, the latest of each connection; `codes` are the new codes of their processes."""
    if not sightings:
        return NOBODY_MET
    ends = [Ends(sighting.sockets, salt) for sighting in reversed(sightings)]
    destination, key = (
        np.concatenate([*names]) for names in ((e.destinations() for e in ends), (e.keys() for e in ends))
    )
    process = np.concatenate(
        [code[each.process] for code, each in zip(reversed(codes), reversed(sightings), strict=True)]
    )
    inode, uid = (
        np.concatenate([getattr(each.sockets, name) for each in reversed(sightings)]) for name in ("inode", "uid")
    )
    key, first = np.unique(key, return_index=True)
    return Met(key, destination[first], inode[first], uid[first], process[first])


def _with_used(process: Codes, processes: Processes) -> tuple[Processes, Codes]:
    """(the processes that these codes name, the new codes). Code −1 stays −1."""
    used = np.bincount(process + 1, minlength=len(processes) + 1)[1:] > 0
    recoded = np.append(np.cumsum(used) - 1, -1).astype(np.int32)[process]
    return tuple(processes[code] for code in np.flatnonzero(used)), recoded


def _inferred(
    sockets: Sockets, is_held: Mask, ends: Ends, process: Codes, processes: Processes, met: Met
) -> tuple[Codes, Mask]:
    """(the process of each socket, whether it is inferred from others to its destination).

    One is inferred for connections without a descriptor, where there is evidence.
    """
    number = {"": -1}  # a name that could not be read
    names = np.array([*(number.setdefault(each.name, len(number)) for each in processes), -1], np.int32)
    is_client = (process < 0) & ~is_held & sockets.is_connection
    owner, by_destination = process.copy(), np.zeros(len(sockets), np.bool_)
    accepted, servers = _of_listeners(sockets, np.flatnonzero(is_client), process, names)
    owner[accepted] = servers
    is_client[accepted] = False
    live = np.flatnonzero(is_held & sockets.is_connection)
    clients, found = _of_destinations(sockets, live, is_client, ends, process, names, met)
    owner[clients], by_destination[clients] = found, found >= 0
    return owner, by_destination


def _of_listeners(sockets: Sockets, rows: Rows, process: Codes, names: Codes) -> tuple[Rows, Codes]:
    """(those of these rows that have a listener on their local port, its process, −1 where that is unknown).

    The kernel prefers a listener on the row's own address, then one on 0.0.0.0, then one on :: (inet_lhash2_lookup in
    net/ipv4/inet_hashtables.c).
    """
    addresses = sockets.addresses
    listeners = sockets.in_state(TcpState.LISTEN)
    listened = np.zeros(PORTS, np.bool_)
    listened[sockets.lport[listeners]] = True
    rows = rows[listened.take(sockets.lport.take(rows))]
    any_ipv4, any_ipv6 = len(addresses), len(addresses) + 1
    place = np.where(addresses.is_wildcard, np.where(addresses.is_ipv4, any_ipv4, any_ipv6), np.arange(len(addresses)))
    listening = fused((place[sockets.local[listeners]], 32), (sockets.lport[listeners], 16))
    owner, found = np.full(len(rows), -1, np.int32), np.zeros(len(rows), np.bool_)
    own, ipv4 = sockets.local[rows], addresses.is_ipv4[sockets.local[rows]]
    for at in (own, np.where(ipv4, any_ipv4, any_ipv6), np.full(len(rows), any_ipv6)):
        left = np.flatnonzero(~found)
        wanted = fused((at[left], 32), (sockets.lport[rows[left]], 16))
        owner[left], found[left] = _unanimous(listening, process[listeners], wanted, names)
    return rows[found], owner[found]


def _of_destinations(
    sockets: Sockets, live: Rows, is_client: Mask, ends: Ends, process: Codes, names: Codes, met: Met
) -> tuple[Rows, Codes]:
    """(clients, the process to which all seen sockets of the same (local IP, remote IP, remote port) belong).

    That is −1 unless one does, which is so of all clients that are left out. `live` are the connections that a process
    holds, seen or not. Sightings count too, also of connections that are gone. A held socket whose holder is not found
    yet is no evidence, unless it belongs to a user without any seen socket.
    """
    seen = sockets.is_connection & (process >= 0)
    seen_live, unseen = live[seen[live]], live[~seen[live]]
    strange = unseen[~np.isin(sockets.uid[unseen], np.append(sockets.uid[seen_live], met.uid))]
    witnesses = np.append(np.flatnonzero(seen), strange)
    known, who = np.append(ends.destinations(witnesses), met.destination), np.append(process[witnesses], met.process)
    if not len(known):
        return np.empty(0, np.intp), np.empty(0, np.int32)
    clients = np.flatnonzero(is_client)
    if not len(met.key):
        ports = np.zeros(PORTS, np.bool_)
        ports[sockets.rport[witnesses]] = True
        clients = clients[ports.take(sockets.rport.take(clients))]
    owner, _ = _unanimous(known, who, ends.destinations(clients), names)
    return clients, owner


def _unanimous(keys: Keys, process: Codes, wanted: Keys, names: Codes) -> tuple[Codes, Mask]:
    """(the lowest process of those with each wanted key, −1 unless all have one name; whether there are any)."""
    if not len(keys) or not len(wanted):
        return np.full(len(wanted), -1, np.int32), np.zeros(len(wanted), np.bool_)
    codes, distinct = factorize(np.append(keys, wanted))
    witness, asked = codes[: len(keys)], codes[len(keys) :]
    name = np.full(len(distinct), -1, np.int32)
    name[witness] = names[process]
    agreed, there = name >= 0, np.zeros(len(distinct), np.bool_)
    agreed[witness[name[witness] != names[process]]] = False
    there[witness] = True
    lowest = np.full(len(distinct), len(names), np.int32)
    np.minimum.at(lowest, witness, process)
    return np.where(agreed, lowest, -1)[asked], there[asked]
