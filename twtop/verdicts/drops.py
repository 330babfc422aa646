"""DROPS: what the kernel drops here, and where, and what is near to it."""

from collections.abc import Iterable

from twtop import formatting as fmt
from twtop.analysis.kernel_costs import fullest_listener
from twtop.records import dataclass
from twtop.sanitize import printable
from twtop.verdicts.verdict import (
    SHARE_CRITICAL,
    SHARE_WARN,
    Evidence,
    Level,
    Verdict,
    level_of,
    noting_part,
    unknown,
)

URGENCY = [Level.OK, Level.UNKNOWN, Level.WARN, Level.CRITICAL]

ORPHANS_SHOWN = 0.01
"""A machine has a few orphans at any time. From this share of their limit on they are told."""

Near = tuple[str, Level]
"""What a limited room holds, and how near that is to its limit."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a counter has counted since the network namespace began, and its rate per second, None for unknown."""

    total: int
    per_s: float | None

    def minus(self, *parts: "Count") -> "Count":
        """The same without what these count too."""
        total = max(0, self.total - sum(part.total for part in parts))
        rates = [part.per_s for part in parts if part.per_s is not None]
        if self.per_s is None or len(rates) < len(parts):
            return Count(total, None if total else 0.0)
        return Count(total, max(0.0, self.per_s - sum(rates)))


@dataclass(frozen=True, slots=True)
class Loss:
    """`what` is lost, and how much. `worst` is the level of any such loss."""

    what: str
    count: Count
    worst: Level = Level.CRITICAL

    @property
    def level(self) -> Level:
        return Level.UNKNOWN if self.count.per_s is None else self.worst if self.count.per_s else Level.OK


def drops(evidence: Evidence) -> Verdict:
    """The value is how many connections and packets are dropped per second."""
    if "ListenDrops" not in evidence.analysis.snapshot.counters:
        return unknown("drops", "The kernel's drop counters")
    dropped, hindered = _dropped(evidence), _hindered(evidence)
    rates = [each.count.per_s for each in dropped]
    per_s = None if None in rates else sum(rate for rate in rates if rate is not None)
    near = [*_listeners(evidence), *_conntrack(evidence), *_orphans(evidence)]
    levels = [each.level for each in (*dropped, *hindered)] + [level for _, level in near]
    text = "; ".join([*_told(evidence, dropped, hindered), *(what for what, _ in near)])
    verdict = Verdict("drops", max(levels, key=URGENCY.index), per_s, fmt.per_s(per_s), f"{text}.")
    return noting_part(evidence.analysis, verdict)


def _count(evidence: Evidence, counter: str) -> Count:
    """A counter that this kernel lacks has counted nothing."""
    total = evidence.analysis.snapshot.counters.get(counter, 0)
    return Count(total, evidence.rates.per_s.get(counter) if total else 0.0)


def _dropped(evidence: Evidence) -> list[Loss]:
    """ListenDrops has ListenOverflows and TCPReqQFullDrop (tcp_conn_request, tcp_v4_syn_recv_sock).

    conntrack_drop counts what finds the table full, and most of what cannot be inserted (nf_conntrack_in,
    nf_ct_resolve_clash).
    """
    full, no_cookie = _count(evidence, "ListenOverflows"), _count(evidence, "TCPReqQFullDrop")
    no_room, not_in = _count(evidence, "conntrack_drop"), _count(evidence, "conntrack_insert_failed")
    return [
        Loss("connections at a full accept queue", full),
        Loss("SYN at a full SYN queue, since tcp_syncookies is 0", no_cookie),
        Loss("connections at a listener for another reason", _count(evidence, "ListenDrops").minus(full, no_cookie)),
        Loss("packets in conntrack", no_room),
        Loss("packets that conntrack could not insert", not_in.minus(no_room), Level.WARN),
        Loss("connections by RST, for too many orphans or too little memory", _count(evidence, "TCPAbortOnMemory")),
    ]


def _hindered(evidence: Evidence) -> list[Loss]:
    """What shows that room is short, though nothing is lost yet."""
    return [
        Loss("conntrack entries that gave way to new ones", _count(evidence, "conntrack_early_drop"), Level.WARN),
        Loss("SYN cookies, since a SYN queue is full", _count(evidence, "TCPReqQFullDoCookies"), Level.WARN),
    ]


def _told(evidence: Evidence, dropped: list[Loss], hindered: list[Loss]) -> list[str]:
    """All that goes on now, the worst first. In the first frame it is what went on before, since no rate is known."""
    before = [loss for loss in (*dropped, *hindered) if loss.count.per_s is None]
    if before:
        counted = ", ".join(f"{fmt.count(loss.count.total)} {loss.what}" for loss in before)
        return [f"Counted since this network namespace began: {counted}; the rate is not known yet"]
    now = ", ".join(f"{fmt.rate(loss.count.per_s)} {loss.what}" for loss in _worst_first(dropped))
    also = [f"{fmt.per_s(loss.count.per_s)} {loss.what}" for loss in _worst_first(hindered)]
    return [f"Dropped per second: {now}" if now else _quiet(evidence), *also]


def _worst_first(losses: Iterable[Loss]) -> list[Loss]:
    """Those that go on now."""
    now = [loss for loss in losses if loss.count.per_s]
    return sorted(now, key=lambda loss: (URGENCY.index(loss.level), loss.count.per_s), reverse=True)


def _quiet(evidence: Evidence) -> str:
    """A kernel may have conntrack without its statistics (CONFIG_NF_CONNTRACK_PROCFS)."""
    snapshot = evidence.analysis.snapshot
    if "conntrack_drop" in snapshot.counters:
        return "Neither listeners nor conntrack drop connections"
    unknown_too = ", what conntrack drops cannot be read here" if "conntrack" in snapshot.gauges else ""
    return f"No listener drops connections{unknown_too}"


def _listeners(evidence: Evidence) -> list[Near]:
    """The listener that drops most, whose accept queue may be empty again, and the one whose queue is fullest."""
    fullest, dropper = fullest_listener(evidence.analysis.snapshot.sockets), evidence.analysis.dropper
    if fullest is None:
        return []
    level = level_of(fullest.share, SHARE_CRITICAL, 1.0)
    drops_most = ""
    if dropper is not None and _count(evidence, "ListenDrops").per_s:
        drops_most = f"{_name(evidence, dropper.row)} drops most, {fmt.per_s(dropper.per_s)}"
        if fullest.waiting and fullest.row == dropper.row:
            return [(f"{drops_most}, and has the fullest accept queue: {fullest.fill}", level)]
    queue = "all accept queues are empty"
    if fullest.waiting:
        queue = f"the fullest accept queue is that of {_name(evidence, fullest.row)}: {fullest.fill}"
    return [(each, level) for each in (drops_most, queue) if each]


def _name(evidence: Evidence, row: int) -> str:
    """The end of a listener, and its process if that is known."""
    sockets, owner = evidence.analysis.snapshot.sockets, int(evidence.owners.process[row])
    end = fmt.endpoint(sockets.addresses.integer(sockets.local[row]), int(sockets.lport[row]))
    if owner < 0:
        return end
    process = evidence.owners.processes[owner]
    return f"{end} ({printable(process.name)} {process.pid})"


def _conntrack(evidence: Evidence) -> list[Near]:
    gauges = evidence.analysis.snapshot.gauges
    tracked, room = gauges.get("conntrack"), gauges.get("conntrack_max")
    if tracked is None or not room:
        return []
    return [(f"conntrack is at {fmt.percent(tracked / room)}", level_of(tracked / room, SHARE_CRITICAL, 1.0))]


def _orphans(evidence: Evidence) -> list[Near]:
    """From half of the limit on, the kernel resets an orphan that does not get on (tcp_out_of_resources)."""
    gauges = evidence.analysis.snapshot.gauges
    orphans, limit = gauges.get("orphan"), gauges.get("orphan_max")
    if not orphans or not limit or orphans / limit < ORPHANS_SHOWN:
        return []
    share = f"the machine has {fmt.count(orphans)} of {fmt.count(limit)} orphans"
    return [(share, level_of(orphans / limit, SHARE_WARN, 1.0))]
