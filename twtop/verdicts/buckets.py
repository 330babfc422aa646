"""BUCKETS: how near the namespace is to tcp_max_tw_buckets."""

import numpy as np

from twtop import formatting as fmt
from twtop.verdicts.verdict import SHARE_WARN, SOON_S, Evidence, Level, Verdict, level_of, unknown


def buckets(evidence: Evidence) -> Verdict:
    snapshot, rates = evidence.analysis.snapshot, evidence.rates
    growth_per_s = rates.growth_per_s
    held, limit = snapshot.gauges.get("tw"), snapshot.limits.max_tw_buckets
    if held is None or limit is None:
        return unknown("buckets", "tcp_max_tw_buckets")
    share = held / limit if limit else 1.0
    skipped = rates.per_s.get("TCPTimeWaitOverflow") or 0.0
    reached_in = (limit - held) / growth_per_s if growth_per_s and growth_per_s > 0 else np.inf
    level = Level.CRITICAL if skipped or (reached_in <= SOON_S and share >= SHARE_WARN) else level_of(share)
    if skipped:
        effect = f"{fmt.rate(skipped)} closes per second skip TIME_WAIT"
    elif share >= SHARE_WARN and np.isfinite(reached_in):
        effect = f"at this growth the limit is reached in {fmt.full_in(reached_in)}, then new closes skip TIME_WAIT"
    else:
        effect = "past the limit new closes would skip TIME_WAIT, nothing would fail"
    return Verdict(
        "buckets",
        level,
        share,
        fmt.percent(share),
        f"{fmt.count(held)} of {fmt.count(limit)} TIME_WAIT buckets are in use; {effect}.",
    )
