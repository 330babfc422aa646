"""A tree like /proc → who holds which socket, against a walk over the same tree."""

import tempfile
from pathlib import Path

import numpy as np

from tests.fuzz.target import Drawn, Target, demand
from tests.support.known_owners import by_inode
from tests.support.sock_diag_dump import encode, sock
from twtop.processes.attribution import OwnerTracker
from twtop.processes.fd_search import Search
from twtop.sources.decode_sock_diag import decode_dump

PROCESSES_AT_MOST, LINKS_AT_MOST = 8, 6
OTHER_LINKS = ("/dev/null", "pipe:[7]", "anon_inode:[eventpoll]", "/tmp/socket:[7]", "socket:", "net:[7]")
"""What a descriptor leads to that is no socket (the kernel's own names)."""


def make_tree(proc: Path, drawn: Drawn) -> dict[int, tuple[bytes, set[int]]]:
    """Processes with a name and descriptors; pid → (name, inodes of its sockets)."""
    made: dict[int, tuple[bytes, set[int]]] = {}
    for pid in range(1, 1 + drawn.below(PROCESSES_AT_MOST)):
        links = [drawn.take(4) for _ in range(drawn.below(LINKS_AT_MOST))]
        name = drawn.piece()[:15].replace(b"\0", b"?")
        home = proc / str(pid)
        (home / "fd").mkdir(parents=True)
        (home / "comm").write_bytes(name + b"\n")
        inodes = set()
        for number, link in enumerate(links):
            inode = int.from_bytes(link[1:])
            if link[0] < 64:
                (home / "fd" / str(number)).symlink_to(OTHER_LINKS[link[0] % len(OTHER_LINKS)])
            else:
                wide = inode + ((link[0] & 1) << 32)
                (home / "fd" / str(number)).symlink_to(f"socket:[{wide}]")
                inodes.add(inode)
        made[pid] = name, inodes
    return made


def check(data: bytes) -> None:
    drawn = Drawn(data)
    with tempfile.TemporaryDirectory() as folder:
        tree = make_tree(Path(folder), drawn)
        held = {inode for _, inodes in tree.values() for inode in inodes}
        missing = {drawn.below(1 << 24) for _ in range(drawn.below(4))}
        wanted = np.array(sorted(held | missing), np.uint32)
        search = Search(folder, clock=lambda: 0.0, cpu=lambda: 0.0)
        search.want(wanted)
        search.finish()
    found, hidden = by_inode(search.holders), {*search.holders.hidden.tolist()}
    demand({*found} == held - {0}, f"found {sorted(found)} of {sorted(held)}")
    demand(hidden == missing - held - {0}, f"hidden {sorted(hidden)}")
    for inode, process in found.items():
        name, inodes = tree[process.pid]
        demand(inode in inodes, f"{process} does not hold {inode}")
        demand(process.name == name.decode(errors="replace"), f"{name!r} is called {process.name!r}")
    _owners(search, found.keys() | hidden)


def _owners(search: Search, inodes: set[int]) -> None:
    """Each socket with an inode has the owner that holds it; a TIME_WAIT has one that was seen, or an inferred one."""
    blocks = [
        sock(f"10.0.0.1:{1000 + number}", "10.0.0.5:443", inode=inode) for number, inode in enumerate(sorted(inodes))
    ]
    closed = [sock("10.0.0.1:999", "10.0.0.5:443", "TIME_WAIT")]
    sockets = decode_dump(encode(*blocks, *closed))
    owners = OwnerTracker(uid=1).assign(sockets, search.holders)
    found = by_inode(search.holders)
    for inode, code, inferred in zip(sockets.inode.tolist(), owners.process, owners.inferred, strict=True):
        owner = owners.processes[code] if code >= 0 else None
        if inode:
            demand((owner, bool(inferred)) == (found.get(inode), False), f"socket {inode} belongs to {owner}")
        else:
            demand(bool(inferred) == (owner is not None), "an owner that nobody saw is inferred")
            names = {process.name for process in found.values()}
            demand(owner is None or names == {owner.name}, f"inferred {owner} of {names}")


TARGET = Target(check, most=512)
