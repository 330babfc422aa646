"""MEMORY: what TIME_WAIT hold of the kernel's memory."""

from twtop import formatting as fmt
from twtop.verdicts.verdict import Evidence, Level, Verdict, level_of

MEMORY_WARN, MEMORY_CRITICAL = 0.01, 0.05
"""Shares of the machine's memory; a million TIME_WAIT is about a quarter of a gigabyte."""


def memory(evidence: Evidence) -> Verdict:
    """By slabinfo where it can be read, otherwise by formula."""
    snapshot, memory = evidence.analysis.snapshot, evidence.analysis.memory
    total = snapshot.gauges.get("memory_bytes")
    value = memory.here if memory.slabs is None else memory.slabs
    what = f"TIME_WAIT hold {fmt.size(memory.here)} of kernel memory here, by formula"
    if memory.here is None:
        what = "How much kernel memory TIME_WAIT hold here is unknown"
    if memory.slabs is not None:
        what += f"; {fmt.size(memory.slabs)} in the whole machine, by slabinfo"
    if not total or value is None:
        of_what = "" if value is None else "; of how much is unknown"
        return Verdict("memory", Level.UNKNOWN, value, fmt.size(memory.here), f"{what}{of_what}.")
    level = level_of(value / total, MEMORY_WARN, MEMORY_CRITICAL)
    share = f"{fmt.percent(value / total)} of its {fmt.size(total)}"
    return Verdict("memory", level, value, fmt.size(memory.here), f"{what}: {share}.")
