"""The columns of the peers table: one entry for each figure, whoever shows it."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from twtop import formatting as fmt
from twtop.budgets.port_budgets import EPHEMERAL_CLIENT_PORTS
from twtop.columns import peer_cells as cells
from twtop.columns import peer_texts as texts
from twtop.columns.column import Column, Entry, Registry, Text
from twtop.columns.field import COUNT, FLAG, NUMBER, PORT_NUMBER, POSITIVE, TEXT, Field, In, Shape, nullable
from twtop.columns.peer_figures import address_of, count_of, device_names, figure_of, flag_of, fullness, number_of
from twtop.columns.peer_rows import ManyPeers, PeerRow
from twtop.columns.tones import Tone
from twtop.columns.values import numbers
from twtop.frame.entered import entered_per_s
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, GroupSort, label
from twtop.model import Counts, Direction, TcpState

DIRECTIONS = {Direction.OUTBOUND: "outbound", Direction.INBOUND: "inbound", Direction.UNKNOWN: "unknown"}
STATES: Shape = {
    "type": "object",
    "properties": {state.name: COUNT for state in TcpState},
    "required": [state.name for state in TcpState],
}


def _labels(peers: ManyPeers) -> list[str]:
    return [label(key) for key in peers.keys]


def _in_words(peers: ManyPeers, words: dict[Direction, str]) -> list[str]:
    return [words[Direction(direction)] for direction in peers.direction.tolist()]


def _time_wait(states: Counts) -> Counts:
    """TIME_WAIT of a row (12,), or of each row (n, 12)."""
    counts: Counts = states[..., TcpState.TIME_WAIT]
    return counts


def _others(states: Counts) -> Counts:
    """Sockets in all other states."""
    counts: Counts = states.sum(axis=-1) - states[..., TcpState.TIME_WAIT]
    return counts


def _counts(count: Callable[[Counts], Counts]) -> Callable[[ManyPeers], Iterator[str]]:
    return lambda peers: map(fmt.count, count(peers.states).tolist())


def _states(peers: ManyPeers) -> list[dict[str, int]]:
    found = [(state.name, int(state)) for state in TcpState]
    return [{name: counts[state] for name, state in found} for counts in peers.states.tolist()]


def _is_beside_baseline(frame: Frame) -> bool:
    return frame.base is not None


def _has_failed(frame: Frame) -> bool:
    """Whether any connect() has failed in this run: until then it takes no room."""
    failures = frame.analysis.reading.failures
    return failures is not None and failures.count > 0


PeerColumn = Column[PeerRow]
PeerText = Text[ManyPeers]
PeerField = Field[ManyPeers, Iterable[object]]

FAILED_60S = 30
"""Cells for `2,310 to 443 or 8443`."""

OF_INBOUND = f"of one client address that is {EPHEMERAL_CLIENT_PORTS:,} client ports towards one server port"
REMOTE = PeerField("remote", TEXT, "Remote address.", address_of(lambda destinations: destinations.remote))
REUSABLE = PeerField(
    "reusable", nullable(COUNT),
    "TIME_WAIT of these that connect() may take over (tcp_tw_reuse); null where it is not known which: without timers, "
    "or until a live connection shows that the peer uses timestamps.",
    count_of(lambda budgets: budgets.reusable),
)  # fmt: skip

PEERS = Registry[PeerRow, ManyPeers](
    Entry(
        PeerColumn("peer", "PEER", 16, cells.name, "Remote address, or what the table is grouped by",
            most=42, right=False, priority=10, sort=GroupSort.PEER),
        PeerText(28, _labels),
        PeerField("peer", TEXT, "Remote address; or destination, port, process or network where peers are grouped so.",
            _labels),
        In.GROUP | In.CSV,
    ),
    Entry(
        PeerColumn("dir", "DIR", 4, cells.direction, "Who opened the connections: out is this box",
            least=3, right=False, priority=7, sort=GroupSort.DIRECTION),
        PeerText(4, partial(_in_words, words=cells.SHORT_DIRECTIONS)),
        PeerField("direction", {"enum": [*DIRECTIONS.values()]},
            "Who opened the connections to the most pressed destination: outbound is this machine.",
            partial(_in_words, words=DIRECTIONS)),
        In.GROUP | In.CSV,
    ),
    Entry(
        field=PeerField("sockets", COUNT, "Sockets in any state.", lambda peers: peers.states.sum(axis=1).tolist()),
        records=In.GROUP | In.CSV,
    ),
    Entry(
        PeerColumn("time_wait", "TIME_WAIT", 10, cells.counted(_time_wait, Tone.TIME_WAIT), "Sockets in TIME_WAIT",
            priority=8, sort=GroupSort.TIME_WAIT),
        PeerText(9, _counts(_time_wait)),
        PeerField("time_wait", COUNT, "Sockets in TIME_WAIT.", lambda peers: _time_wait(peers.states).tolist()),
        In.CSV,
    ),
    Entry(
        PeerColumn("time_wait_change", "CHANGE", 8, cells.change(_time_wait), "TIME_WAIT more than at the baseline",
            priority=8),
        shown=_is_beside_baseline,
    ),
    Entry(field=PeerField("states", STATES, "Sockets by TCP state.", _states), records=In.GROUP),
    Entry(
        PeerColumn("other", "OTHER", 7, cells.counted(_others, Tone.PLAIN), "Sockets in all other states", priority=3,
            sort=GroupSort.OTHER),
        PeerText(7, _counts(_others)),
    ),
    Entry(
        PeerColumn("other_change", "CHANGE", 8, cells.change(_others), "Other sockets more than at the baseline",
            priority=3),
        shown=_is_beside_baseline,
    ),
    Entry(
        field=PeerField("entered_per_s", nullable(POSITIVE),
            "Recent entries into TIME_WAIT per second; null where timers are unknown.",
            lambda peers: numbers(entered_per_s(peers.states, peers.entered))),
        records=In.GROUP | In.CSV,
    ),
    Entry(
        field=PeerField("local", TEXT, "Local address.", address_of(lambda destinations: destinations.local)),
        records=In.DESTINATION | In.CSV,
    ),
    Entry(field=REMOTE, records=In.OUTBOUND | In.CSV),
    Entry(
        field=PeerField("port", PORT_NUMBER, "Service port: the local one of inbound connections, else the remote one.",
            lambda peers: peers.each(peers.groups.destinations.port).tolist()),
        records=In.DESTINATION | In.CSV,
    ),
    Entry(field=REMOTE, records=In.OTHER),
    Entry(
        field=PeerField("device", nullable(TEXT),
            "Interface that the sockets are bound to, which has a budget of its own; its number where it has no known "
            "name, null for none.",
            device_names),
        records=In.DESTINATION,
    ),
    Entry(
        field=PeerField("used", COUNT,
            "Ports in use, in any state: local ones, or of inbound connections the peer's. Where the client binds "
            "first, those of its whole local address.",
            count_of(lambda budgets: budgets.used)),
        records=In.DESTINATION | In.CSV,
    ),
    Entry(
        field=PeerField("time_wait", COUNT, "Those of the used ports that are in TIME_WAIT.",
            count_of(lambda budgets: budgets.time_wait)),
        records=In.DESTINATION,
    ),
    Entry(
        field=PeerField("capacity", nullable(COUNT),
            "Ports that connect() may pick; where the client binds first, those that bind() may pick on its local "
            f"address; {OF_INBOUND}. Null for an unknown direction or an unknown port range.",
            count_of(lambda budgets: budgets.capacity)),
        records=In.DESTINATION | In.CSV,
    ),
    Entry(field=REUSABLE, records=In.CSV_OUTBOUND),
    Entry(
        PeerColumn("ports", "PORTS (worst destination)", 39, cells.ports,
            "Local ports in use of those that connect() may pick", most=100, least=25, right=False, priority=9,
            sort=GroupSort.PORTS),
        PeerText(38, texts.ports_in_words),
        PeerField("pressure", nullable(NUMBER),
            "(used − reusable) / capacity, a share of one: at 1 connect() fails. An unknown reusable counts as none. "
            "Null where the capacity is null.",
            number_of(lambda budgets: budgets.pressure, digits=4)),
        In.DESTINATION | In.CSV,
    ),
    Entry(field=REUSABLE, records=In.OUTBOUND),
    Entry(
        field=PeerField("reusable_at_most", nullable(COUNT),
            "The most TIME_WAIT of these that connect() may take over: those that are reusable, or, where that is not "
            "known of all, also those whose peer's timestamps or age are unknown. Null where the range is unknown.",
            count_of(lambda budgets: budgets.reusable_at_most)),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("past_cliff", FLAG,
            "Whether half of the range is full, so that connect() searches the other half port by port.",
            flag_of(lambda budgets: budgets.past_cliff)),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("probes_per_connect", nullable(POSITIVE),
            "Ports that connect() tries on average; null where the port range is unknown.",
            number_of(lambda budgets: budgets.probes_per_connect)),
        records=In.OUTBOUND,
    ),
    Entry(
        PeerColumn("new", "NEW/s", 7, cells.new,
            "Connections asked for per second; ~ where what fails is not counted, or shared by several destinations",
            priority=5, sort=GroupSort.NEW),
        PeerText(7, texts.asked_per_s),
        PeerField("new_per_s", nullable(NUMBER),
            "New connections per second, less those that end without a TIME_WAIT, and those that fail, as in "
            "asked_per_s; null where timers are unknown.",
            number_of(lambda budgets: budgets.new_per_s)),
        In.OUTBOUND | In.CSV_OUTBOUND,
    ),
    Entry(
        PeerColumn("max", "MAX/s", 7, cells.most, "The rate that this budget can carry for ever", priority=2,
            sort=GroupSort.MAX),
        PeerText(7, figure_of(fmt.rate, lambda budgets: budgets.max_per_s)),
        PeerField("max_per_s", nullable(NUMBER),
            "New connections per second that this budget can carry for ever; null where it is unknown.",
            number_of(lambda budgets: budgets.max_per_s)),
        In.OUTBOUND | In.CSV_OUTBOUND,
    ),
    Entry(
        PeerColumn("full_in", "FULL IN", 8, cells.full_in, "Until connect() fails, at this rate", priority=7,
            sort=GroupSort.FULL_IN),
        PeerText(8, texts.times_to_full),
        PeerField("full_in_s", nullable(POSITIVE),
            "Seconds until connect() fails, at this rate; 0 is now, null is never or unknown.",
            number_of(lambda budgets: budgets.full_in_s)),
        In.OUTBOUND | In.CSV_OUTBOUND,
    ),
    Entry(
        field=PeerField("asked_per_s", nullable(POSITIVE),
            "Connections asked for per second: those that succeed and those that find no port; null for unknown.",
            number_of(lambda budgets: budgets.new_per_s)),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("asked_inferred", FLAG,
            "Whether asked_per_s is from before the budget was full, since nobody counts what fails, or has an equal "
            "part of what fails at several destinations.",
            flag_of(lambda budgets: cells.is_inferred(budgets) & ~np.isnan(budgets.new_per_s))),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("full", {"enum": ["now", "soon", "never", "unknown"]},
            "When connect() finds no port, at this rate. It stays now until a full budget has ports to spare: some "
            "come free at each move of the kernel's timer wheel, and full_in_s says when they are taken.", fullness),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("at_limit", FLAG, "Whether it is full, or was in the last 60 s.",
            flag_of(lambda budgets: budgets.limit.lately)),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("free_in_s", nullable(POSITIVE),
            "Seconds until a TIME_WAIT gives its port back, of a full budget; null where it is not full, or unknown.",
            number_of(lambda budgets: budgets.next_free_s)),
        records=In.OUTBOUND,
    ),
    Entry(
        PeerColumn("failed", "FAIL/s", 8, cells.failed,
            "connect() calls per second that find no port, to all destinations of the row; ≤ where some may be to "
            "others of the address that are full, ≥ where not all are counted, ~ for both",
            priority=8, sort=GroupSort.FAILED),
        PeerText(8, texts.failed_per_s),
        PeerField("failed_per_s", nullable(POSITIVE),
            "connect() calls per second that find no port: mean of the last 3 s, or of the last second where that "
            "differs by more than chance; null where they are not counted, or several full destinations share them.",
            number_of(lambda budgets: budgets.failed_per_s)),
        In.OUTBOUND | In.CSV_OUTBOUND,
        shown=_has_failed,
    ),
    Entry(
        PeerColumn("failed_60s", "FAIL 60 s", 9, cells.failed_60s, "Those of the last 60 s", most=FAILED_60S,
            right=False, priority=1),
        PeerText(FAILED_60S, texts.failed_60s),
        PeerField("failed_60s", nullable(COUNT),
            "connect() calls of the last 60 s that found no port; null like failed_per_s.",
            count_of(lambda budgets: budgets.failed_60s)),
        In.OUTBOUND | In.CSV_OUTBOUND,
        shown=_has_failed,
    ),
    Entry(
        field=PeerField("failed_shared_per_s", nullable(POSITIVE),
            "What failed_per_s is of all destinations of this remote address together that are full, where several "
            "share it; else null.",
            number_of(lambda budgets: budgets.failed_shared_per_s)),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("failed_shared_60s", nullable(COUNT), "What failed_60s is of these; null like that.",
            count_of(lambda budgets: budgets.failed_shared_60s)),
        records=In.OUTBOUND,
    ),
    Entry(
        field=PeerField("left_at_least", nullable(COUNT),
            "Connections that can be made for certain; less than left_at_most where the table does not show who chose "
            "a port, connect() or bind(), and which of both the client uses. Null where the capacity is null.",
            count_of(lambda budgets: budgets.left_at_least)),
        records=In.OUTBOUND | In.CSV_OUTBOUND,
    ),
    Entry(
        field=PeerField("left_at_most", nullable(COUNT),
            "Connections that can be made at most: capacity − used + reusable, or what a client of the other kind gets "
            "if that is more. Null where the capacity is null.",
            count_of(lambda budgets: budgets.left_at_most)),
        records=In.OUTBOUND | In.CSV_OUTBOUND,
    ),
    Entry(
        PeerColumn("last", "LAST 60 s", 10, cells.spark, "Entries into TIME_WAIT in the last minute",
            most=20, right=False, priority=3, sort=GroupSort.LAST_MINUTE),
    ),
)  # fmt: skip
"""Two fields stand twice: their place in CSV, or in JSON by direction, is another one."""


def title_of(column: PeerColumn, by: GroupBy) -> str:
    """The head of a column; the first one says what the rows are grouped by."""
    return by.upper() if column.name == "peer" else column.title
