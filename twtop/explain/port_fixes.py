"""The fixes for a budget that is short of ports. Each is None where it would change nothing.

All that connect() does with ports is in __inet_hash_connect (net/ipv4/inet_hashtables.c), bind() in inet_csk_get_port
(net/ipv4/inet_connection_sock.c).
"""

import math
from dataclasses import replace

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.dump.ephemeral_ports import ephemeral_ports
from twtop.dump.reuse import reuse_of
from twtop.explain.fix import Fix, Promise
from twtop.explain.short_budget import ShortBudget
from twtop.model import PORTS
from twtop.verdicts.verdict import SHARE_WARN

WIDEST = (1024, PORTS - 1)
"""The widest range. Ports below 1024 are for privileged programs (ip_unprivileged_port_start)."""

REQUESTS_KEPT = 100
"""Requests per kept connection in the example. The limits of nginx and Apache for keep-alive are this or more."""

SMALLEST_GAIN = 1.05
"""A wider range is offered if it has at least this many times as many ports."""

MOST_COPIES = 16
"""More destination ports or source addresses than this are not offered: nobody sets up so many."""

READ_TO_THE_END = ("while sock.recv(65536): pass  # until it has closed", "sock.close()")
KEEP_ALIVE = (
    "session = requests.Session()  # Python: one for all requests",
    "MaxIdleConnsPerHost: 64,  // Go: http.Transport, default 2",
    "keepalive 64;  # nginx: upstream; and where it passes on:",
    'proxy_http_version 1.1; proxy_set_header Connection "";',
)
CONNECT_CHOOSES = "sock.setsockopt(0, socket.IP_BIND_ADDRESS_NO_PORT, 1)"
"""Level 0 is SOL_IP, for IPv6 too."""


def connect_chooses(short: ShortBudget) -> Fix | None:
    """IP_BIND_ADDRESS_NO_PORT, for who binds to an address first: bind() then leaves the port to connect()."""
    if not short.binds_first or short.destinations < 2:
        return None
    room, most = short.destinations * short.capacity, short.capacity * short.spread - short.live
    held = short.demand.per_s * short.connect_hold_s + short.live
    promise = Promise(room, held, max(0.0, most) / short.connect_hold_s)
    return Fix(
        "Let connect() choose the port",
        f"{fmt.address(short.local)} calls bind() first, so that {short.name} share {fmt.count(short.capacity)} ports. "
        f"Then each has as many, {fmt.count(room)} in all: {short.demand.under(promise)}",
        (CONNECT_CHOOSES, 'sock.bind(("ADDRESS", 0))  # as before'),
        promise,
    )


def other_side_closes(short: ShortBudget) -> Fix | None:
    if not short.waiting:
        return None
    return Fix(
        "Let the other side close first",
        f"the TIME_WAIT then stay at {short.name}, where they need no ports: {fmt.count(short.waiting)} of "
        f"{fmt.count(short.capacity)} local ports come free here, and no rate fills them. Ask it to close (HTTP: "
        "“Connection: close”), then read to the end",
        READ_TO_THE_END,
        Promise(short.capacity, short.live, math.inf),
    )


def keep_alive(short: ShortBudget) -> Fix | None:
    if short.demand.per_s < 1 or not short.waiting:
        return None
    now, demand = short.with_ports(short.capacity), short.demand
    kept = replace(short, demand=replace(demand, per_s=demand.per_s / REQUESTS_KEPT)).with_ports(short.capacity)
    promise = replace(kept, max_per_s=now.max_per_s * REQUESTS_KEPT)
    effect = (
        f"{demand.which} ({fmt.rate(demand.per_s)}/s) becomes {fmt.rate(demand.per_s / REQUESTS_KEPT)}/s: about "
        f"{fmt.count(promise.held)} ports instead of {fmt.count(min(now.held, short.capacity))}"
        if demand.is_known
        else f"{demand.under(promise)}"
    )
    return Fix("Keep connections alive", f"with {REQUESTS_KEPT} requests a connection, {effect}", KEEP_ALIVE, promise)


def wider_range(analysis: Analysis, short: ShortBudget) -> Fix | None:
    """The widest range, without what is reserved, listening or bound in it now. Unknown ranges are not widened."""
    limits, sockets = analysis.snapshot.limits, analysis.snapshot.sockets
    if limits.port_range is None:
        return None
    low, high = widest(limits.port_range)
    wide, ports = (
        ephemeral_ports(replace(limits, port_range=each), sockets, analysis.reading.ends.per_port)
        for each in ((low, high), limits.port_range)
    )
    assert wide is not None
    assert ports is not None
    capacity = short.capacity + wide.capacity - ports.capacity
    if capacity < short.capacity * SMALLEST_GAIN:
        return None
    promise, taken = short.with_ports(capacity), high - low + 1 - wide.capacity
    note = f", without {fmt.count(taken)} reserved, listening or bound" if taken else ""
    most = "at most " if limits.reserved is None else ""
    return Fix(
        "Widen the port range",
        f"{most}{fmt.count(capacity)} ports instead of {fmt.count(short.capacity)}{note}: "
        f"{short.demand.under(promise)}. Put the ports of services that start later into ip_local_reserved_ports",
        (f'sysctl -w net.ipv4.ip_local_port_range="{low} {high}"',),
        promise,
    )


def widest(port_range: tuple[int, int]) -> tuple[int, int]:
    """The widest range of an even size whose low end has the parity of this one's.

    connect() skips a port of a range of an odd size. Its search begins with the low end's parity: there it goes on.

    >>> widest((32768, 60999)), widest((40001, 60000)), widest((1000, 65535))
    ((1024, 65535), (1025, 65534), (1000, 65535))
    """
    low = min(WIDEST[0] + port_range[0] % 2, port_range[0])
    return low, WIDEST[1] - (WIDEST[1] - low + 1) % 2


def more_destinations(short: ShortBudget) -> Fix | None:
    if short.remote is None or short.port is None:
        return None
    number = _copies(short)
    if short.port + number <= PORTS:
        others, sign = (short.port + 1, short.port + number - 1), "+"
    else:
        others, sign = (short.port - number + 1, short.port - 1), "-"
    listen = "-".join(map(str, dict.fromkeys(others)))
    promise = short.with_ports(number * short.capacity)
    return Fix(
        "Spread over more destination ports or addresses",
        f"each has a budget of its own: {number} instead of 1 make {fmt.count(promise.room)} ports, "
        f"{short.demand.under(promise)}",
        (
            f"listen {listen};  # nginx, on the other side",
            f'sock.connect(("{fmt.address(short.remote)}", {short.port} {sign} n % {number}))  # n = 0, 1, 2 …',
        ),
        promise,
    )


def more_sources(short: ShortBudget) -> Fix:
    """A client that binds first goes on to do so: each of its addresses has one budget for all destinations."""
    number = _copies(short)
    promise = short.with_ports(number * short.capacity)
    return Fix(
        "Connect from more source addresses",
        f"beside {fmt.address(short.local)}: {number} addresses make {fmt.count(promise.room)} ports towards "
        f"{short.name}, {short.demand.under(promise)}",
        (
            "ip addr add ADDRESS dev DEVICE",
            *(() if short.binds_first else (CONNECT_CHOOSES,)),
            'sock.bind(("ADDRESS", 0))  # in turn, before connect()',
        ),
        promise,
    )


def _copies(short: ShortBudget) -> int:
    """How many budgets bear this rate if each stays below half, the cliff; at least two. Two for an unknown rate."""
    if not short.demand.is_known:
        return 2
    needed = short.demand.per_s * short.hold_s + short.live
    return min(max(2, math.ceil(needed / max(short.capacity * SHARE_WARN, 1))), MOST_COPIES)


def tw_reuse(analysis: Analysis, short: ShortBudget) -> Fix | None:
    """None where tcp_tw_reuse = 1 would change nothing (tcp_twsk_unique).

    That is without timestamps of both sides or without TIME_WAIT, or where it is 1 already, or 2 and the destination is
    on loopback.
    """
    limits = analysis.snapshot.limits
    if limits.tw_reuse is None or not limits.timestamps or limits.tw_reuse == 1 or short.binds_first:
        return None
    if not short.waiting or (limits.tw_reuse == 2 and short.loopback):
        return None
    sockets, reading = analysis.snapshot.sockets, analysis.reading
    then = reuse_of(replace(limits, tw_reuse=1), sockets, analysis.destinations, reading.timestamps)
    if not (then.allowed | then.unclear)[short.destination]:
        return None
    delay_s = then.delay_ms / 1000
    promise = replace(short, hold_s=delay_s).with_ports(short.capacity)
    young = min(short.waiting, short.demand.per_s * delay_s) if short.demand.is_known else 0.0
    return Fix(
        "Set tcp_tw_reuse to 1",
        f"connect() may then take over TIME_WAIT older than {fmt.setting(delay_s)}: about "
        f"{fmt.count(short.waiting - young)} of the {fmt.count(short.waiting)} here at once, "
        f"{short.demand.under(promise)}. The other side must send timestamps: “ss -ti” shows “ts” on its connections",
        ("sysctl -w net.ipv4.tcp_tw_reuse=1",),
        promise,
    )
