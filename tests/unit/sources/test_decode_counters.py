"""Counters, gauges and limits from the kernel's texts: what is missing or makes no sense is unknown, never 0."""

import time
from dataclasses import fields, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.proc_files import TCP, TCP_EXT, Sysctls, kernel_files
from twtop.model import Limits
from twtop.sources.decode_counters import (
    EXT_COUNTERS,
    TCP_COUNTERS,
    decode_counters,
    decode_device_names,
    decode_gauges,
    decode_limits,
)

FRESH = Limits(
    port_range=(32768, 60999),
    reserved=(),
    tw_reuse=2,
    tw_reuse_delay_ms=1000,
    timestamps=1,
    max_tw_buckets=131072,
    ehash_entries=262144,
    rfc1337=0,
)
NOTHING = Limits(**dict.fromkeys([field.name for field in fields(Limits)]))
SLABINFO = """slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount>
request_sock_TCPv6     12     24    312   26    2 : tunables    0    0    0 : slabdata      0      0      0
tw_sock_TCPv6          16     32    256   16    1 : tunables    0    0    0 : slabdata      2      2      0
tw_sock_TCP          1120   1760    256   16    1 : tunables    0    0    0 : slabdata    110    110      0
"""
CONNTRACK = """\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error
00000005  00000000 00000001 00000000 00000002 00000000 00000000 00000000 00000000 00000003 0000000a ffffffff 00000000
00000005  00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000006 00000001 00000000
"""
HUGE = "9" * 5000


def files(**sysctls: str) -> dict[str, str]:
    return {f"sys/net/ipv4/{name}": text for name, text in sysctls.items()}


def test_limits_of_a_fresh_kernel() -> None:
    assert decode_limits(kernel_files({}, {})) == FRESH


def test_limits_that_were_changed() -> None:
    changes: Sysctls = {"port_range": (1024, 65535), "reserved": "80,443-445", "tw_reuse": 0, "tw_reuse_delay": 500}
    more: Sysctls = {"timestamps": 0, "max_tw_buckets": 50, "rfc1337": 1}
    assert decode_limits(kernel_files({}, {**changes, **more})) == Limits(
        port_range=(1024, 65535),
        reserved=((80, 80), (443, 445)),
        tw_reuse=0,
        tw_reuse_delay_ms=500,
        timestamps=0,
        max_tw_buckets=50,
        ehash_entries=262144,
        rfc1337=1,
    )


def test_nothing_is_known_without_files() -> None:
    assert decode_limits({}) == NOTHING
    assert decode_counters({}) == decode_gauges({}) == {}


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_a_missing_file_leaves_one_limit_unknown(name: str) -> None:
    absent = {name.removesuffix("_ms"): None}
    assert decode_limits(kernel_files({}, absent)) == replace(FRESH, **{name: None})  # type: ignore[arg-type]


def test_a_hash_table_shared_with_the_parent_namespace_is_negative() -> None:
    assert decode_limits(files(tcp_ehash_entries="-262144\n")).ehash_entries == -262144


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("\n", ()),
        ("80\n", ((80, 80),)),
        ("80,443-445,65535\n", ((80, 80), (443, 445), (65535, 65535))),
        ("1-2-3\n", None),
        ("80-\n", None),
        ("445-443\n", None),
        ("65536\n", None),
        ("80,,81\n", None),
        ("80 81\n", None),
        ("-1\n", None),
        ("eighty\n", None),
    ],
)
def test_reserved_ports(text: str, ports: tuple[tuple[int, int], ...] | None) -> None:
    assert decode_limits(files(ip_local_reserved_ports=text)).reserved == ports


@pytest.mark.parametrize("text", ["1" * 27 + "x", ",".join(map(str, range(1, 65536, 2)))])
def test_reserved_ports_are_read_at_once(text: str) -> None:
    """Digits that could be split in a million ways; and as many ranges as the kernel can hold."""
    start = time.process_time()
    assert (decode_limits(files(ip_local_reserved_ports=text)).reserved is None) == ("x" in text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text", ["", "32768", "1 2 3", "60999 32768", "0 60999", "32768 65536", "low high", "32768 high", HUGE]
)
def test_a_port_range_that_is_none(text: str) -> None:
    assert decode_limits(files(ip_local_port_range=text)).port_range is None


@pytest.mark.parametrize(("text", "ports"), [("1 65535\n", (1, 65535)), ("40000\t40000\n", (40000, 40000))])
def test_the_widest_and_the_narrowest_port_range(text: str, ports: tuple[int, int]) -> None:
    assert decode_limits(files(ip_local_port_range=text)).port_range == ports


def test_counters_by_name() -> None:
    values = {name: index + 1 for index, name in enumerate(sorted(EXT_COUNTERS | TCP_COUNTERS))}
    assert decode_counters(kernel_files(values, {})) == values


def test_every_counter_is_one_that_kernels_have() -> None:
    assert set(TCP_EXT) >= EXT_COUNTERS
    assert set(TCP) >= TCP_COUNTERS


def test_conntrack_is_summed_over_all_cpus() -> None:
    """A counter of one CPU has 32 bits; the number of entries is that of the namespace, said once for each CPU."""
    sums = {"drop": 16, "early_drop": 2**32, "insert_failed": 3, "invalid": 3}
    named = {f"conntrack_{name}": total for name, total in sums.items()}
    assert decode_counters({"net/stat/nf_conntrack": CONNTRACK}) == named


def test_older_kernels_have_other_columns_of_conntrack() -> None:
    older = "entries searched found new invalid drop\n00000001 00000009 00000000 00000000 00000003 0000000f\n"
    assert decode_counters({"net/stat/nf_conntrack": older}) == {"conntrack_drop": 15, "conntrack_invalid": 3}


@pytest.mark.parametrize(
    "row", ["", "1", "1 5\n1", "1 5\n1 -1", "1 5\n1 100000000", "1 -0000001", "1 100000000", f"1 {HUGE}", "1 one"]
)
def test_a_damaged_counter_of_conntrack_is_unknown(row: str) -> None:
    assert decode_counters({"net/stat/nf_conntrack": f"entries drop\n{row}\n"}) == {}


def test_a_counter_that_this_kernel_lacks_is_absent() -> None:
    older = "TcpExt: SyncookiesSent TW TWRecycled\nTcpExt: 3 4 5\nIpExt: TWKilled\nIpExt: 6\n"
    assert decode_counters({"net/netstat": older}) == {"TW": 4, "TWRecycled": 5}


@pytest.mark.parametrize(
    ("text", "counters"),
    [
        ("TcpExt: TW TWKilled\n", {}),
        ("TcpExt: TW TWKilled\nTcpExt: 1\n", {"TW": 1}),
        ("TcpExt: TW TWKilled\nTcpExt: one 2\n", {"TWKilled": 2}),
        (f"TcpExt: TW TWKilled\nTcpExt: {HUGE} 2\n", {"TWKilled": 2}),
        ("TcpExt:\nTcpExt:\n", {}),
        ("TcpExt: TW\nTcpExt: 4\nTcpExt: 9\n", {"TW": 4}),
    ],
)
def test_a_damaged_table_yields_what_is_whole(text: str, counters: dict[str, int]) -> None:
    assert decode_counters({"net/netstat": text}) == counters


def test_gauges() -> None:
    texts = kernel_files({}, {"conntrack": (77, 262144)}, timewait=1234, inuse=20, inuse6=3)
    assert decode_gauges({**texts, "slabinfo": SLABINFO, "sys/fs/file-nr": "1184\t64\t2466170\n"}) == {
        "inuse": 23,
        "orphan": 0,
        "tw": 1234,
        "alloc": 25,
        "mem": 170,
        "files": 1120,
        "files_max": 2466170,
        "conntrack": 77,
        "conntrack_max": 262144,
        "memory_bytes": 2**34,
        "tw_slabs": 1120 + 16,
        "tw_slab_bytes": (1120 + 16) * 256,
    }


@pytest.mark.parametrize(
    ("path", "gauges"),
    [
        ("net/sockstat", {"tw", "inuse", "orphan", "alloc", "mem"}),
        ("sys/fs/file-nr", {"files", "files_max"}),
        ("sys/net/netfilter/nf_conntrack_count", {"conntrack"}),
        ("sys/net/netfilter/nf_conntrack_max", {"conntrack_max"}),
        ("sys/net/ipv4/tcp_max_orphans", {"orphan_max"}),
        ("meminfo", {"memory_bytes"}),
        ("slabinfo", {"tw_slabs", "tw_slab_bytes"}),
    ],
)
def test_a_missing_file_leaves_its_gauges_unknown(path: str, gauges: set[str]) -> None:
    texts = {**kernel_files({}, {"conntrack": (1, 2), "max_orphans": 65536}), "slabinfo": SLABINFO}
    known = decode_gauges(texts)
    del texts[path]
    assert known.keys() - decode_gauges(texts).keys() == gauges


def test_a_host_without_ipv6_counts_ipv4_alone() -> None:
    texts = kernel_files({}, {}, inuse=20)
    del texts["net/sockstat6"]
    assert decode_gauges(texts)["inuse"] == 20


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("net/sockstat", f"TCP: inuse {HUGE} tw {HUGE}"),
        ("net/sockstat6", f"TCP6: inuse {HUGE}"),
        ("sys/fs/file-nr", f"{HUGE} {HUGE} {HUGE}"),
        ("meminfo", f"MemTotal: {HUGE} kB\n"),
        ("slabinfo", f"tw_sock_TCP {HUGE} 1 {HUGE}"),
        ("sys/net/netfilter/nf_conntrack_count", HUGE),
    ],
)
def test_a_number_beyond_all_bounds_is_unknown(path: str, text: str) -> None:
    texts = {**kernel_files({}, {}, inuse=20), path: text}
    assert all(value < 2**64 for value in decode_gauges(texts).values())


def test_less_than_no_limit_is_no_limit() -> None:
    """nf_conntrack_max is printed with a sign, and tcp_max_orphans may be set below 0."""
    gauges = decode_gauges(kernel_files({}, {"conntrack": (5, -1), "max_orphans": -1}))
    assert (gauges["conntrack"], gauges["conntrack_max"], gauges["orphan_max"]) == (5, 0, 0)


TEXTS = {
    **kernel_files({"TW": 5}, {"conntrack": (1, 2), "reserved": "80,443-445"}, 7, 8, 9),
    "slabinfo": SLABINFO,
    "net/stat/nf_conntrack": CONNTRACK,
}


@st.composite
def garbled(draw: st.DrawFn) -> dict[str, str]:
    """Real texts, of which some have a piece replaced by any text, or by digits and what stands between them."""
    texts = dict(TEXTS)
    for path in draw(st.sets(st.sampled_from(sorted(texts)))):
        text = texts[path]
        start, stop = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        texts[path] = (
            text[:start] + draw(st.one_of(st.text(), st.text("0123456789,-: \n\t", max_size=40))) + text[stop:]
        )
    return texts


@given(garbled())
@example(dict.fromkeys(TEXTS, ""))
@example(dict.fromkeys(TEXTS, "\0"))
@example(dict.fromkeys(TEXTS, "٣ ٤ ٥"))
def test_no_text_is_a_surprise(texts: dict[str, str]) -> None:
    limits = decode_limits(texts)
    low, high = limits.port_range or (1, 1)
    assert 0 < low <= high < 65536
    assert all(0 <= first <= last < 65536 for first, last in limits.reserved or ())
    assert all(abs(value) < 10**40 for value in (*decode_counters(texts).values(), *decode_gauges(texts).values()))


def test_names_of_interfaces() -> None:
    igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        :     1      V3\n"
    igmp += "\t\t\t\t010000E0     1 0:00000000\t\t0\n12\tvery-long-name0:     1      V3\n"
    if_inet6 = "fe80000000000000000000000000001f 1a 40 20 80     eth1\n"
    if_inet6 += "00000000000000000000000000000001 01 80 10 80       lo\n"
    files = {"net/igmp": igmp, "net/if_inet6": if_inet6}
    assert decode_device_names(files) == {1: "lo", 12: "very-long-name0", 26: "eth1"}
    assert decode_device_names({"net/igmp": "nonsense\n1 2 3", "net/if_inet6": "x"}) == {}


@pytest.mark.parametrize("text", ["-11\t0\t-11\n", "10\t-1\t20\n"])
def test_open_files_below_0_are_unknown(text: str) -> None:
    assert "files" not in decode_gauges(kernel_files({}, {}) | {"sys/fs/file-nr": text})


def test_no_more_files_are_free_than_there_are() -> None:
    assert decode_gauges(kernel_files({}, {}) | {"sys/fs/file-nr": "5\t7\t20\n"})["files"] == 0
