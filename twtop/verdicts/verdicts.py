"""What this many TIME_WAIT cost here and now: short answers, each with its level and its live number."""

from dataclasses import replace

from twtop.verdicts.buckets import buckets
from twtop.verdicts.connect_cost import connect_cost
from twtop.verdicts.drops import drops
from twtop.verdicts.fds import fds
from twtop.verdicts.memory import memory
from twtop.verdicts.ports import ports
from twtop.verdicts.unanswered import unanswered
from twtop.verdicts.verdict import Evidence, Judge, Verdict


def verdicts(evidence: Evidence) -> tuple[Verdict, ...]:
    """All verdicts, in the order of the strip."""
    return tuple(replace(judge(evidence), title=title, room=room) for title, room, judge in VERDICTS)


VERDICTS: tuple[tuple[str, int, Judge], ...] = (
    ("PORTS", 5, ports),
    ("CONNECT", 13, connect_cost),
    ("SYN", 4, unanswered),
    ("BUCKETS", 5, buckets),
    ("MEMORY", 10, memory),
    ("FDS", 6, fds),
    ("DROPS", 6, drops),
)
"""(title, cells for its figure, its judge), in the order of the strip. A new verdict is one more line here."""
