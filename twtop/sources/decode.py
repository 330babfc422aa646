"""Sample → Snapshot: raw bytes and text become columns and named numbers. Pure."""

from collections.abc import Callable

from twtop.model import Snapshot, Sockets
from twtop.sources.decode_counters import decode_counters, decode_gauges, decode_limits
from twtop.sources.decode_procfs import CLOCK_TICK_MS, decode_tables
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.probe import ALL_SOCKETS, Dump, Sample
from twtop.sources.psutil_source import decode_holders, decode_rows


def decode(sample: Sample, before: Snapshot | None = None) -> Snapshot:
    """A sample without sockets takes those of the snapshot before it.

    Raises CollectError, with one clear line, when the bytes are not what their source says of TCP sockets.
    """
    stale = before if sample.dump is None else None
    return Snapshot(
        time=sample.time,
        mono=sample.mono,
        dumped=stale.dumped if stale else sample.mono,
        cpu=sample.cpu,
        collect_s=stale.collect_s if stale else sample.collect_s,
        host=sample.host,
        kernel=sample.kernel,
        netns=sample.netns,
        source=sample.source,
        sockets=stale.sockets if stale else DECODERS[sample.source](sample.dump or b""),
        limits=decode_limits(sample.files),
        counters=decode_counters(sample.files),
        gauges=decode_gauges(sample.files),
        timer_unit_ms=TIMER_UNITS_MS.get(sample.source, 1),
        load=sample.load,
        netns_name=sample.netns_name,
        notice=sample.notice,
        holders=stale.holders if stale else decode_holders(sample.files) if sample.source == "psutil" else None,
        part=stale.part if stale else bool(sample.request.states) and sample.request != ALL_SOCKETS,
    )


DECODERS: dict[str, Callable[[Dump], Sockets]] = {
    "sock_diag": decode_dump,
    "procfs": decode_tables,
    "psutil": decode_rows,
}
TIMER_UNITS_MS = {"procfs": CLOCK_TICK_MS}
