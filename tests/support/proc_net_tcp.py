"""Described sockets → the text of /proc/net/tcp and tcp6, in the kernel's own shape."""

import numpy as np

from tests.support.sock_diag_dump import AF_INET, Block
from twtop.model import TcpState, Timer

HEAD4 = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
    "                                                     \n"
)
HEAD6 = (
    "  sl  local_address                         remote_address                       "
    " st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
)


def proc_tables(*blocks: Block) -> dict[str, str]:
    """{"net/tcp": …, "net/tcp6": …} as get_tcp4_sock, get_timewait4_sock and their like print them."""
    tables = {"net/tcp": [HEAD4], "net/tcp6": [HEAD6]}
    for row in (row for block in blocks for row in block):
        ipv4 = row["family"] == AF_INET
        table = tables["net/tcp" if ipv4 else "net/tcp6"]
        words = 1 if ipv4 else 4
        local, remote = (
            "".join(f"{word:08X}" for word in np.frombuffer(row[end].tobytes()[: 4 * words], "=u4"))
            for end in ("local", "remote")
        )
        waits = row["timer"] == Timer.TIMEWAIT
        listens = row["state"] == TcpState.LISTEN
        tail = f"{0:016x}" if waits else f"1 {0xFFFF888000000000:016x} 20 4 30 10 -1"
        line = (
            f"{len(table) - 1:4d}: {local}:{row['lport']:04X} {remote}:{row['rport']:04X} {row['state']:02X}"
            f" {0 if listens else row['wqueue']:08X}:{row['rqueue']:08X} {row['timer']:02X}:{row['expires'] // 10:08X}"
            f" 00000000 {row['uid']:5d} {0:8d} {row['inode']:d} {3 if waits else ''}{tail}"
        )
        table.append(f"{line:<149}\n" if ipv4 else f"{line}\n")
    return {path: "".join(lines) for path, lines in tables.items()}
