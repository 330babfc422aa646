"""FDS: who holds file descriptors, since TIME_WAIT hold none."""

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.analysis.close_wait import count_holders
from twtop.model import TcpState
from twtop.verdicts.verdict import Level, Verdict, by_sockets, level_of, unknown

LEAK = 50
"""From this many CLOSE_WAIT that stay, warn, if most sockets with a descriptor are in CLOSE_WAIT."""


@by_sockets
def fds(analysis: Analysis) -> Verdict:
    snapshot = analysis.snapshot
    used, most = snapshot.gauges.get("files"), snapshot.gauges.get("files_max")
    if used is None or not most:
        return unknown("fds", "The number of open files")
    close_wait = len(snapshot.sockets.in_state(TcpState.CLOSE_WAIT))
    level, leaking = level_of(used / most), leaks(analysis)
    if leaking and level is Level.OK:
        level = Level.WARN
    leak = f"; {fmt.count(close_wait)} CLOSE_WAIT do, until their application closes them" if close_wait else ""
    return Verdict(
        "fds",
        level,
        used / most,
        f"{fmt.count(close_wait)} CLOSE_WAIT" if leaking else "0 held",
        f"TIME_WAIT hold no file descriptor{leak}; the system has {fmt.count(used)} of {fmt.count(most)} files open.",
    )


def leaks(analysis: Analysis) -> bool:
    """Whether an application forgets to close: many CLOSE_WAIT stay, and most sockets with a descriptor are such."""
    if analysis.staying_close_wait < LEAK:
        return False
    sockets = analysis.snapshot.sockets
    close_wait = len(sockets.in_state(TcpState.CLOSE_WAIT))
    return close_wait * 2 > count_holders(sockets)
