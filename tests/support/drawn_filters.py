"""Filters as trees and as text, and sockets for them, that hypothesis draws. Their values lie close to each other."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from hypothesis import strategies as st

from tests.support.filter_rows import IPAddress, Row
from twtop.filter.query import (
    AddressField,
    AddressTest,
    And,
    Comparison,
    DirectionTest,
    Not,
    Or,
    PortField,
    PortTest,
    ProcessTest,
    Query,
    StateTest,
    TimingField,
    TimingTest,
)
from twtop.model import Direction, TcpState, Timer

PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
PORT = st.sampled_from([0, 1, 79, 80, 81, 443, 8080, 65534, 65535])
IPV4 = st.sampled_from(["0.0.0.0", "10.0.0.1", "10.0.0.5", "10.1.0.0", "192.168.0.1", "255.255.255.255"]).map(
    IPv4Address
)
IPV6 = st.sampled_from(["::", "::1", "::ffff:0", "::ffff:1:0:0", "fe80::1", "fe80:0:0:1::", "2001:db8::5"]).map(
    IPv6Address
)
ADDRESS: st.SearchStrategy[IPAddress] = IPV4 | IPV6
NAME = st.sampled_from(["nginx", "NGINX worker", "wrk", "and", "Straße", "8080", "tw", "", " ", 'a"b', "\\", ":x"])


def is_mapped(network: IPv6Network) -> bool:
    return network.prefixlen >= 96 and network.network_address.ipv4_mapped is not None


NETWORK = st.builds(
    lambda address, bits: IPv4Network((int(address), bits), strict=False), IPV4, st.integers(0, 32)
) | st.builds(lambda address, bits: IPv6Network((int(address), bits), strict=False), IPV6, st.integers(0, 128)).filter(
    lambda network: not is_mapped(network)
)
MS = st.sampled_from([0, 1, 999, 1000, 29_999, 30_000, 30_001, 60_000, 86_400_000])
TESTS: st.SearchStrategy[Query] = st.one_of(
    st.builds(
        lambda field, ends: PortTest(field, min(ends), max(ends)), st.sampled_from(PortField), st.tuples(PORT, PORT)
    ),
    st.builds(PortTest, st.sampled_from(PortField), st.just(80), st.just(80)),
    st.builds(AddressTest, st.sampled_from(AddressField), NETWORK),
    st.builds(StateTest, st.sampled_from(TcpState)),
    st.builds(ProcessTest, NAME | st.text(PRINTABLE, max_size=12)),
    st.builds(DirectionTest, st.sampled_from(Direction)),
    st.builds(TimingTest, st.sampled_from(TimingField), st.sampled_from(Comparison), MS | st.integers(0, 86_400_000)),
)


def joined(kind: type[And] | type[Or], parts: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    others = parts.filter(lambda part: not isinstance(part, kind))
    return st.lists(others, min_size=2, max_size=4).map(lambda tests: kind(tuple(tests)))


TREES = st.recursive(TESTS, lambda parts: st.builds(Not, parts) | joined(And, parts) | joined(Or, parts), max_leaves=12)
ROWS = st.lists(
    st.builds(
        Row,
        local=ADDRESS,
        lport=PORT,
        remote=ADDRESS,
        rport=PORT,
        state=st.sampled_from(TcpState),
        timer=st.sampled_from(Timer),
        timer_ms=st.sampled_from([-1, 0, 1, 999, 1000, 29_999, 30_000, 60_000, 61_000, 2**31 - 1]),
        direction=st.sampled_from(Direction),
        process=st.none() | NAME,
    ),
    max_size=8,
)
WORDS = st.lists(
    st.sampled_from(
        "port sport dport peer local src dst state process dir remaining age and or not && || ! ( ) = == != < <= > >="
        " 80 :80 1-2 65536 10.0.0.5 10.0.0.0/8 10.0.0.5:443 ::1 [::1]:80 fe80::/10 %eth0 tw estab out 10s 1.5m ms"
        " nginx 'a b' \" ' \\ , : / [b] é \x00 \n".split(" ")
    ),
    max_size=12,
).flatmap(lambda words: st.sampled_from(["", " ", "  "]).map(lambda gap: gap.join(words)))
