"""The texts that the probe finds below /proc on an idle 6.18 kernel, in the kernel's own shapes."""

from collections.abc import Iterable, Mapping
from typing import TypedDict

# A real file has some 150 names, and they differ from kernel to kernel.
TCP_EXT = (
    "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned OutOfWindowIcmps"
    " LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow TSEcrRejected PAWSOldAck"
    " PAWSTimewait DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks"
    " TCPTimeouts TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed"
    " TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce TCPSynRetrans"
    " TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq TCPACKSkippedFinWait2 TCPACKSkippedTimeWait"
    " TCPACKSkippedChallenge TCPWinProbe TCPKeepAlive TCPDelivered TcpTimeoutRehash TCPAODroppedIcmps"
).split()
IP_EXT = "InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InOctets OutOctets".split()
MPTCP_EXT = "MPCapableSYNRX MPCapableSYNTX MPTCPRetrans TW".split()
IP = "Forwarding DefaultTTL InReceives InHdrErrors".split()
TCP = (
    "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab"
    " InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors"
).split()
UDP = "InDatagrams NoPorts InErrors OutDatagrams".split()
TCP_CONSTANTS = {"RtoAlgorithm": 1, "RtoMin": 200, "RtoMax": 120000, "MaxConn": -1}


class Sysctls(TypedDict, total=False):
    """Values that differ from those of a fresh kernel. None is a file that is missing."""

    port_range: tuple[int, int] | None
    reserved: str | None
    tw_reuse: int | None
    tw_reuse_delay: int | None
    timestamps: int | None
    max_tw_buckets: int | None
    ehash_entries: int | None
    rfc1337: int | None
    conntrack: tuple[int, int] | None
    max_orphans: int | None


def kernel_files(
    counters: Mapping[str, int], sysctls: Sysctls, timewait: int = 0, inuse: int = 0, inuse6: int = 0
) -> dict[str, str]:
    """Path below /proc → text. slabinfo is missing, because only root can read it."""
    if unknown := set(counters) - {*TCP_EXT, *TCP}:
        raise ValueError(f"no such counter: {', '.join(sorted(unknown))}")
    tcp = {**TCP_CONSTANTS, "CurrEstab": inuse + inuse6, **counters}
    return {
        "net/netstat": _table("TcpExt", TCP_EXT, counters) + _table("IpExt", IP_EXT) + _table("MPTcpExt", MPTCP_EXT),
        "net/snmp": _table("Ip", IP) + _table("Tcp", TCP, tcp) + _table("Udp", UDP),
        "net/sockstat": (
            f"sockets: used {inuse + inuse6 + 11}\nTCP: inuse {inuse} orphan 0 tw {timewait}"
            f" alloc {inuse + inuse6 + 2} mem 170\nUDP: inuse 1 mem 0\nFRAG: inuse 0 memory 0\n"
        ),
        "net/sockstat6": f"TCP6: inuse {inuse6}\nUDP6: inuse 1\nFRAG6: inuse 0 memory 0\n",
        "meminfo": "MemTotal:       16777216 kB\nMemFree:         9000000 kB\nSwapTotal:             0 kB\n",
        "sys/fs/file-nr": "1184\t0\t2466170\n",
        **_sysctl_files(sysctls),
    }


def _table(name: str, columns: Iterable[str], values: Mapping[str, int] | None = None) -> str:
    """A line of names and a line of values, as in netstat and snmp.

    >>> _table("Ip", ["Forwarding", "DefaultTTL"], {"DefaultTTL": 64})
    'Ip: Forwarding DefaultTTL\\nIp: 0 64\\n'
    """
    columns = list(columns)
    numbers = (str((values or {}).get(column, 0)) for column in columns)
    return f"{name}: {' '.join(columns)}\n{name}: {' '.join(numbers)}\n"


def _sysctl_files(changes: Sysctls) -> dict[str, str]:
    defaults = Sysctls(
        port_range=(32768, 60999),
        reserved="",
        tw_reuse=2,
        tw_reuse_delay=1000,
        timestamps=1,
        max_tw_buckets=131072,
        ehash_entries=262144,
        rfc1337=0,
        conntrack=None,
        max_orphans=None,
    )
    values = defaults | changes
    low, high = values["port_range"] or (None, None)
    count, most = values["conntrack"] or (None, None)
    texts = {
        "ipv4/ip_local_port_range": None if low is None else f"{low}\t{high}",
        "ipv4/ip_local_reserved_ports": values["reserved"],
        "ipv4/tcp_tw_reuse": values["tw_reuse"],
        "ipv4/tcp_tw_reuse_delay": values["tw_reuse_delay"],
        "ipv4/tcp_timestamps": values["timestamps"],
        "ipv4/tcp_max_tw_buckets": values["max_tw_buckets"],
        "ipv4/tcp_ehash_entries": values["ehash_entries"],
        "ipv4/tcp_rfc1337": values["rfc1337"],
        "ipv4/tcp_max_orphans": values["max_orphans"],
        "netfilter/nf_conntrack_count": count,
        "netfilter/nf_conntrack_max": most,
    }
    return {f"sys/net/{path}": f"{value}\n" for path, value in texts.items() if value is not None}
