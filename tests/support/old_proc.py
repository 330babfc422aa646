"""A /proc as kernels of several releases have it: with their counters, sysctls and files, and none that came later."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.proc_files import TCP_EXT, kernel_files
from tests.support.proc_net_tcp import proc_tables
from tests.support.sock_diag_dump import Block

OLD_TCP_EXT = (
    "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned OutOfWindowIcmps"
    " LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab DelayedACKs DelayedACKLocked"
    " DelayedACKLost ListenOverflows ListenDrops TCPPrequeued TCPDirectCopyFromBacklog TCPDirectCopyFromPrequeue"
    " TCPPrequeueDropped TCPHPHits TCPHPHitsToUser TCPPureAcks TCPHPAcks TCPFACKReorder TCPForwardRetrans TCPTimeouts"
    " TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed"
    " TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce TCPChallengeACK"
).split()
"""The counters of Linux 3.10, with those of the prequeue and of tcp_tw_recycle."""

GONE_BY_4_19 = {"PAWSPassive", "TCPFACKReorder", "TCPForwardRetrans", "TCPHPHitsToUser"}
NEW_IN_4_19 = "TCPSynRetrans TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPDelivered TCPAckCompressed".split()


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a release has of the files that twtop reads.

    `counts_entries` says what its counter TW counts: TIME_WAIT that begin, or else those that end.
    """

    release: str
    tcp_ext: tuple[str, ...]
    sysctls: Mapping[str, str]
    port_range: tuple[int, int] = (32768, 60999)
    thread_self: bool = True
    counts_entries: bool = False


MIDDLE_AGED = tuple(name for name in OLD_TCP_EXT if name not in GONE_BY_4_19 and "requeue" not in name)

KERNELS = (
    Kernel(
        "3.10.0-1160.el7.x86_64",
        tuple(OLD_TCP_EXT),
        {"tcp_tw_reuse": "0", "tcp_tw_recycle": "0", "tcp_max_tw_buckets": "65536"},
        port_range=(32768, 61000),
        thread_self=False,
    ),
    Kernel("4.19.0-26-amd64", (*MIDDLE_AGED, *NEW_IN_4_19), {"tcp_tw_reuse": "2", "tcp_max_tw_buckets": "65536"}),
    Kernel(
        "5.15.0-91-generic",
        (*MIDDLE_AGED, *NEW_IN_4_19, "TcpTimeoutRehash", "TCPDSACKRecvSegs"),
        {"tcp_tw_reuse": "2", "tcp_max_tw_buckets": "131072"},
    ),
    Kernel(
        "6.18.44",
        tuple(TCP_EXT),
        {
            "tcp_tw_reuse": "2",
            "tcp_max_tw_buckets": "131072",
            "tcp_tw_reuse_delay": "1000",
            "tcp_ehash_entries": "262144",
        },
        counts_entries=True,
    ),
)


def write_tree(
    root: Path, kernel: Kernel, *blocks: Block, counters: Mapping[str, int], timewait: int, tw_reuse: int | None = None
) -> None:
    """Write the kernel's files below `root`. It leaves out those of `counters` that the kernel does not have."""
    known = {name: value for name, value in counters.items() if name in kernel.tcp_ext}
    files = kernel_files({}, {}, timewait, inuse=3)
    files = {path: text for path, text in files.items() if not path.startswith("sys/net/ipv4/tcp_")}
    names, values = " ".join(kernel.tcp_ext), " ".join(str(known.get(name, 0)) for name in kernel.tcp_ext)
    files["net/netstat"] = f"TcpExt: {names}\nTcpExt: {values}\nIpExt: InNoRoutes InOctets\nIpExt: 0 977\n"
    sysctls = {"tcp_timestamps": "1", "tcp_rfc1337": "0", **kernel.sysctls}
    if tw_reuse is not None:
        sysctls["tcp_tw_reuse"] = str(tw_reuse)
    files |= {f"sys/net/ipv4/{name}": f"{text}\n" for name, text in sysctls.items()}
    files["sys/net/ipv4/ip_local_port_range"] = f"{kernel.port_range[0]}\t{kernel.port_range[1]}\n"
    for path, text in (files | proc_tables(*blocks)).items():
        own = "thread-self" if kernel.thread_self else "self"
        destination = root / (f"{own}/{path}" if path.startswith("net/") else path)
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_text(text)
