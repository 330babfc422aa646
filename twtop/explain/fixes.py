"""What would help here, in the order in which to try it, and what each fix would change in this machine's numbers."""

from twtop.explain.bucket_fixes import bucket_fixes
from twtop.explain.fix import Fix
from twtop.explain.leak import leak_fix
from twtop.explain.port_fixes import (
    connect_chooses,
    keep_alive,
    more_destinations,
    more_sources,
    other_side_closes,
    tw_reuse,
    wider_range,
)
from twtop.explain.short_budget import short_budget
from twtop.frame.frame import Frame


def fixes(frame: Frame) -> tuple[Fix, ...]:
    """The fixes for the budget that is short, else for a full table of buckets, and for a leak; empty where none is.

    For a client that binds first, more destinations would not help, since they share its budget. Nor would tcp_tw_reuse
    alone, since bind() takes over no TIME_WAIT.
    """
    if (short := short_budget(frame.analysis)) is None:
        return (*bucket_fixes(frame), *leak_fix(frame))
    found = (
        connect_chooses(short),
        other_side_closes(short),
        keep_alive(short),
        wider_range(frame.analysis, short),
        more_destinations(short),
        more_sources(short),
        tw_reuse(frame.analysis, short),
    )
    return (*(fix for fix in found if fix is not None), *leak_fix(frame))
