"""The registry of sources: one entry for each way to read sockets."""

from functools import partial

from twtop.runtime.privileges import Capability, without
from twtop.sources.decode_procfs import CLOCK_TICK_MS, decode_tables
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.failed_connects import CountsFailedConnects
from twtop.sources.probe import SOCK_DIAG, DumpBuffer, Request, Sample, read_sample
from twtop.sources.procfs_source import PROCFS, read_procfs
from twtop.sources.psutil_source import PSUTIL, decode_holders, decode_rows, read_psutil
from twtop.sources.source import ReadBy, Source, SourceKind


def _open_sock_diag() -> Source:
    """It counts failed connects too. Whoever cannot use sock_diag might be told of none although there are."""
    return CountsFailedConnects(ReadBy(partial(_read_without_marks, DumpBuffer())))


def _read_without_marks(buffer: DumpBuffer, request: Request) -> Sample:
    """A Sample by sock_diag. Who may see the marks of sockets is told them with each socket, and nobody asks.

    Without them a dump takes an eighth less time (inet_twsk_diag_fill in net/ipv4/inet_diag.c).
    """
    with without(Capability.NET_ADMIN):
        return read_sample(request=request, buffer=buffer)


ALL = (
    SourceKind(SOCK_DIAG, _open_sock_diag, decode_dump, shows_bound=True),
    SourceKind(PROCFS, lambda: ReadBy(partial(read_procfs, "/proc")), decode_tables, timer_unit_ms=CLOCK_TICK_MS),
    SourceKind(PSUTIL, lambda: ReadBy(read_psutil), decode_rows, decode_holders=decode_holders),
)
"""The best first: exact timers, timers in 1/100 s, no timers."""

KINDS = {kind.name: kind for kind in ALL}
