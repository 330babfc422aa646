"""What happens at N TIME_WAIT: the common claims, each compared with this machine's own numbers."""

import enum

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.kernel_costs import ESTABLISHED_BYTES, HashLoad, ehash_load
from twtop.budgets.bottleneck import worst_binder, worst_destination
from twtop.budgets.port_budgets import EPHEMERAL_CLIENT_PORTS
from twtop.frame.frame import Frame
from twtop.model import Direction, TcpState
from twtop.processes.detail import ProcessDetail
from twtop.records import dataclass
from twtop.sanitize import printable


class Truth(enum.StrEnum):
    """How true a claim is."""

    FALSE = "false"
    PARTLY = "partly"
    TRUE = "true"


@dataclass(frozen=True, slots=True)
class Claim:
    """`number` is the live figure that shows whether the `claim` is true. `why` gives the reason in two lines."""

    claim: str
    truth: Truth
    number: str
    why: tuple[str, str]


def claims(frame: Frame, detail: ProcessDetail | None = None) -> tuple[Claim, ...]:
    """Compare the claims with the numbers of a frame. `detail` is of the process that the user looks at, if any."""
    return (
        _server_ports(frame),
        _descriptors(frame, detail),
        _hash(frame),
        _one_client(frame),
        _memory(frame),
        _pairs(frame),
    )


def _server_ports(frame: Frame) -> Claim:
    sockets = frame.snapshot.sockets
    inbound = frame.groups.destinations.side == Direction.INBOUND
    ports, held = len(np.unique(sockets.lport[inbound])), int(np.count_nonzero(inbound))
    number = f"{fmt.count(held)} accepted connections stand on {fmt.count(ports)} local port{'s' * (ports != 1)} here"
    return Claim(
        "The server runs out of ports for accepted connections",
        Truth.FALSE,
        number if held else "no listener has connections here",
        (
            "An accepted socket keeps its listener's port, and so does its TIME_WAIT.",
            "Only the 4-tuple has to be unique, and the client's address and port see to that.",
        ),
    )


def _descriptors(frame: Frame, detail: ProcessDetail | None) -> Claim:
    gauges, states = frame.snapshot.gauges, frame.snapshot.sockets.state
    close_wait = int(np.count_nonzero(states == TcpState.CLOSE_WAIT))
    used, most = gauges.get("files"), gauges.get("files_max")
    files = "" if used is None else f" beside {fmt.count(used)} open files of {fmt.count(most)}"
    return Claim(
        "They hold file descriptors: “too many open files”",
        Truth.FALSE,
        f"{fmt.count(frame.total.count)} TIME_WAIT{files}; CLOSE_WAIT {fmt.count(close_wait)}{_of_process(detail)}",
        (
            "A TIME_WAIT is left behind after close(): no process owns it, it has no descriptor.",
            "A descriptor leak shows as CLOSE_WAIT: the peer closed, the application did not.",
        ),
    )


def _of_process(detail: ProcessDetail | None) -> str:
    if detail is None or detail.descriptors is None:
        return ""
    name, held = printable(detail.process.name), f"{fmt.count(detail.descriptors)} of {fmt.count(detail.limit)}"
    return f"; {name} {detail.process.pid} has {held} descriptors"


def _hash(frame: Frame) -> Claim:
    chains, budgets = _chains(ehash_load(frame.snapshot)), frame.groups.budgets
    probes = budgets.probes_per_connect
    most = None if np.isnan(probes).all() else float(np.nanmax(probes))
    search = (
        "no outbound connection"
        if most is None
        else f"connect() tries {fmt.count(most)} port{'s' * (round(most) != 1)} at worst"
    )
    slow = bool(budgets.past_cliff.any())
    return Claim(
        "The table is hashed, so the count slows nothing",
        Truth.PARTLY,
        f"{chains}; {search}",
        (
            "Look-ups stay fast while the load is below about one socket a bucket.",
            "But here connect() pays: half a port range is full, and it searches the rest port by port."
            if slow
            else "But past half of a port range connect() searches port by port; here none is past it.",
        ),
    )


def _chains(load: HashLoad | None) -> str:
    if load is None:
        return "hash load unknown"
    if load.most == load.least:
        return f"{load.least:.2f} sockets per hash bucket"
    if load.most is None:
        return f"at least {load.least:.2f} sockets per hash bucket, as other network namespaces use the table too"
    return f"{load.least:.2f} to {load.most:.2f} sockets per hash bucket, as other network namespaces use the table too"


def _one_client(frame: Frame) -> Claim:
    groups, limits = frame.groups, frame.snapshot.limits
    used = np.where(groups.destinations.direction == Direction.INBOUND, groups.budgets.used, 0.0)
    most = int(used.max()) if len(used) else 0
    refused = frame.rates.get("PAWSTimewait", frame.rates.get("PAWSEstab"))
    second = {
        None: "The answer to an old one is an ACK; whether tcp_rfc1337 then keeps the TIME_WAIT is unknown here.",
        0: "An old one gets an ACK; the client's RST then removes the TIME_WAIT, and its retry gets in.",
    }.get(limits.rfc1337, "An old one gets an ACK; tcp_rfc1337 is on, so the client waits until the TIME_WAIT ends.")
    return Claim(
        "64k from one client: the server refuses it with RST",
        Truth.FALSE,
        f"at most {fmt.count(most)} of {fmt.count(EPHEMERAL_CLIENT_PORTS)} client ports towards one service"
        + ("" if refused is None else f"; {fmt.per_s(refused)} rejected as old"),
        (f"A SYN with a newer {_clock(limits.timestamps)} on a TIME_WAIT tuple is accepted at once.", second),
    )


def _clock(timestamps: int | None) -> str:
    return "sequence number" if timestamps == 0 else "timestamp or sequence number"


def _memory(frame: Frame) -> Claim:
    count, held = frame.total.count, frame.analysis.memory.here
    each = f"{held / count:,.0f} B each" if held and count else "none here"
    here = "how much is unknown here" if held is None else f"{fmt.size(held)} by formula, {each}"
    slabs = (
        ""
        if frame.analysis.memory.slabs is None
        else f"; slabinfo, whole machine: {fmt.size(frame.analysis.memory.slabs)}"
    )
    return Claim(
        "Each takes kernel memory, less than an ESTABLISHED",
        Truth.TRUE,
        f"{here}, against about {fmt.count(ESTABLISHED_BYTES)} B{slabs}",
        (
            "256 B for the socket, and 128 B for each port and each (port, address) that nothing else holds.",
            f"An ESTABLISHED with its file and inode takes about {fmt.count(ESTABLISHED_BYTES)} B without any data.",
        ),
    )


def _pairs(frame: Frame) -> Claim:
    groups, budgets = frame.groups, frame.groups.budgets
    worst = worst_destination(groups.destinations, budgets)
    if worst is None:
        number = "no outbound connection holds a port of the range"
    else:
        ends = (
            groups.addresses.integer(code[worst]) for code in (groups.destinations.local, groups.destinations.remote)
        )
        local, remote = ends
        number = (
            f"{fmt.address(local)} → {fmt.endpoint(remote, int(groups.destinations.port[worst]))}:"
            f" {fmt.count(budgets.used[worst])} of {fmt.count(budgets.capacity[worst])} ports"
        )
    binders, binder = frame.analysis.bind_first, worst_binder(frame.analysis.bind_first)
    shared = "After bind() without a port, it is one budget per local IP over all destinations."
    if binders is not None and binder is not None:
        address = fmt.address(groups.addresses.integer(binders.local[binder]))
        number += f"; {address} binds first: {fmt.count(binders.ports[binder])} ports over "
        number += f"{fmt.count(binders.destinations[binder])} destinations"
        shared = f"But {address} calls bind() first: it has one budget over all destinations (IP_BIND_ADDRESS_NO_PORT)."
    return Claim(
        "Ephemeral ports run out per pair of addresses only",
        Truth.PARTLY,
        number,
        (
            "The budget belongs to (local IP, remote IP, remote port, device): another of these is another budget.",
            shared,
        ),
    )
