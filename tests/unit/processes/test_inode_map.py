"""Holders of sockets in columns: by inode, as a search finds them, or by pid, as a source tells them."""

import dataclasses

import numpy as np

from tests.support.known_owners import by_inode
from tests.support.sock_diag_dump import encode, sock
from twtop.model import Process
from twtop.processes.inode_map import NOBODY, holders, holders_by_pid
from twtop.sources.decode_sock_diag import decode_dump


def test_holders_by_inode() -> None:
    nginx, curl = Process(10, "nginx"), Process(20, "curl")
    known = holders([(5, nginx), (9, nginx), (4, curl), (2**32 - 1, curl), (9, curl)])
    wanted = np.array([9, 4, 0, 7, 5, 2**32 - 1, 9], np.uint32)
    found = [None if code < 0 else known.processes[code] for code in known.of(wanted)]
    assert found == [nginx, curl, None, None, nginx, curl, nginx]
    later = holders([(5, curl), (9, curl), (1, curl)], known)
    assert later.processes == (curl,)
    assert by_inode(later) == dict.fromkeys([1, 4, 5, 9, 2**32 - 1], curl)


def test_inode_0_is_no_socket() -> None:
    """Whoever claims to have it."""
    assert holders([(0, Process(1, "liar"))]).of(np.zeros(2, np.uint32)).tolist() == [-1, -1]
    assert NOBODY.of(np.array([0, 1], np.uint32)).tolist() == [-1, -1]


def test_sockets_without_a_pid_go_by_inode() -> None:
    nginx = Process(10, "nginx")
    sockets = decode_dump(encode(*(sock(f"10.0.0.1:{port}", state="LISTEN", inode=port % 80) for port in (80, 85, 86))))
    assert holders([(5, nginx)]).of_sockets(sockets, np.arange(len(sockets))).tolist() == [-1, 0, -1]


def test_sockets_with_a_pid_go_by_pid() -> None:
    sockets = decode_dump(encode(*(sock(f"10.0.0.1:{port}", state="LISTEN") for port in range(80, 84))))
    sockets = dataclasses.replace(sockets, pid=np.array([30, 0, 20, 25], np.uint32))
    known = holders_by_pid({30: Process(30, "wrk"), 20: Process(20, "nginx"), 0: Process(0, "nobody")})
    found = [
        None if code < 0 else known.processes[code].name for code in known.of_sockets(sockets, np.arange(len(sockets)))
    ]
    assert found == ["wrk", None, "nginx", None]
    assert (len(known.inode), len(known.hidden)) == (0, 0)
