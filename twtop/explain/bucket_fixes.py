"""The fixes for a table of buckets that is nearly full: TIME_WAIT behind a listener need buckets, but no ports."""

import math

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.kernel_costs import BIND_BUCKET_BYTES, TIMEWAIT_BYTES
from twtop.explain.fix import Fix, Promise
from twtop.explain.port_fixes import KEEP_ALIVE, READ_TO_THE_END, REQUESTS_KEPT
from twtop.frame.frame import Frame
from twtop.model import Direction, TcpState
from twtop.verdicts.verdict import Level

BUCKET_BYTES = TIMEWAIT_BYTES + 2 * BIND_BUCKET_BYTES
"""The most that a TIME_WAIT takes, with what stands for its port."""


def bucket_fixes(frame: Frame) -> tuple[Fix, ...]:
    """Empty where the verdict on buckets is ok or unknown."""
    level = next(verdict.level for verdict in frame.verdicts if verdict.id == "buckets")
    limit = frame.snapshot.limits.max_tw_buckets
    if level in (Level.OK, Level.UNKNOWN) or limit is None:
        return ()
    found, hold_s = (_other_side_closes, _keep_alive, _more_buckets), frame.analysis.reading.wheel.longest_s
    return tuple(fix for make in found if (fix := make(frame, limit, hold_s)) is not None)


def asked_per_s(frame: Frame) -> float:
    """How many connections per second want a bucket: those that get one or skip TIME_WAIT. NaN is unknown."""
    entered, skipped = frame.total.entered_per_s, frame.rates.get("TCPTimeWaitOverflow")
    return math.nan if entered is None or skipped is None else entered + skipped


def _other_side_closes(frame: Frame, limit: int, hold_s: float) -> Fix | None:
    inbound = frame.groups.destinations.side == Direction.INBOUND
    waiting = int(np.count_nonzero(inbound & (frame.snapshot.sockets.state == TcpState.TIME_WAIT)))
    if not waiting:
        return None
    share = min(1.0, waiting / max(frame.total.count, 1))
    kept = asked_per_s(frame) * (1 - share)
    return Fix(
        "Let the other side close first",
        f"{fmt.count(waiting)} TIME_WAIT of accepted connections then stay with the clients, where each holds a port",
        READ_TO_THE_END,
        Promise(limit, kept * hold_s, math.inf if share == 1 else limit / hold_s / (1 - share)),
    )


def _keep_alive(frame: Frame, limit: int, hold_s: float) -> Fix | None:
    asked = asked_per_s(frame)
    if asked < 1:
        return None
    effect = (
        f"{fmt.rate(asked)} entries per second become {fmt.rate(asked / REQUESTS_KEPT)}"
        if not math.isnan(asked)
        else "a hundredth of the entries; the present rate is unknown"
    )
    promise = Promise(limit, asked / REQUESTS_KEPT * hold_s, limit / hold_s * REQUESTS_KEPT)
    return Fix("Keep connections alive", f"with {REQUESTS_KEPT} requests a connection, {effect}", KEEP_ALIVE, promise)


def _more_buckets(frame: Frame, limit: int, hold_s: float) -> Fix:
    """Twice what is needed, as a power of two."""
    asked = asked_per_s(frame)
    needed = limit if math.isnan(asked) else max(limit, asked * hold_s)
    more = 2 ** math.ceil(math.log2(2 * max(needed, 1)))
    held = asked * hold_s
    rate = "the present rate is unknown" if math.isnan(asked) else f"at this rate {fmt.count(held)} are in use"
    return Fix(
        "Raise tcp_max_tw_buckets",
        f"{fmt.count(more)} instead of {fmt.count(limit)}: {rate}; all of them take at most "
        f"{fmt.size(more * BUCKET_BYTES)}. Below the limit no close skips TIME_WAIT",
        (f"sysctl -w net.ipv4.tcp_max_tw_buckets={more}",),
        Promise(more, held, more / hold_s),
    )
