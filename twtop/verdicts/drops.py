"""DROPS: connections that the kernel drops, and what is near to it."""

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.analysis.kernel_costs import accept_queue
from twtop.verdicts.verdict import SHARE_CRITICAL, CounterRates, Level, Verdict, level_of, unknown


def drops(analysis: Analysis, rates: CounterRates) -> Verdict:
    snapshot = analysis.snapshot
    total = snapshot.counters.get("ListenDrops")
    if total is None:
        return unknown("drops", "The kernel's drop counters")
    queue = accept_queue(snapshot.sockets)
    tracked, room = snapshot.gauges.get("conntrack"), snapshot.gauges.get("conntrack_max")
    near = [f"the fullest accept queue is at {fmt.percent(queue)}"] if queue is not None else []
    shares = [queue or 0.0]
    if tracked is not None and room:
        shares.append(tracked / room)
        near.append(f"conntrack at {fmt.percent(tracked / room)}")
    detail = "; " + ", ".join(near) if near else ""
    per_s = 0.0 if total == 0 else rates.per_s.get("ListenDrops")
    if per_s is None:
        since = f"{fmt.count(total)} connections dropped since this network namespace began, the rate is not known yet"
        return Verdict("drops", Level.UNKNOWN, None, "–", f"{since}{detail}.")
    level = Level.CRITICAL if per_s else level_of(max(shares), SHARE_CRITICAL, 1.0)
    what = f"Listeners drop {fmt.rate(per_s)} connections per second" if per_s else "No listener drops connections"
    return Verdict("drops", level, per_s, fmt.per_s(per_s), f"{what}{detail}.")
