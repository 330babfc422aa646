"""Sample → Snapshot: raw bytes and text become columns and named numbers. It reads nothing but the Sample."""

from twtop.model import Snapshot
from twtop.sources.decode_counters import decode_counters, decode_device_names, decode_gauges, decode_limits
from twtop.sources.decode_failed_connects import decode_failed_connects
from twtop.sources.decode_listeners import decode_listener_drops
from twtop.sources.kinds import KINDS
from twtop.sources.probe import Sample


def decode(sample: Sample, before: Snapshot | None = None) -> Snapshot:
    """The snapshot of this sample. One with counters alone takes its sockets from the snapshot `before`.

    Raises CollectError, with one line for the user, when the bytes are not what the source says of TCP sockets.
    """
    kind = KINDS[sample.source]
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
        source=kind.name,
        sockets=stale.sockets if stale else kind.decode(sample.dump or b"", before.sockets if before else None),
        limits=decode_limits(sample.files),
        counters=decode_counters(sample.files),
        gauges=decode_gauges(sample.files),
        timer_unit_ms=kind.timer_unit_ms,
        jiffies_s=stale.jiffies_s if stale else sample.jiffies_s,
        load=sample.load,
        netns_name=sample.netns_name,
        notice=sample.notice,
        part=stale.part if stale else sample.request.is_part,
        holders=stale.holders if stale else kind.decode_holders and kind.decode_holders(sample.files),
        is_this_machine=sample.is_this_machine,
        listener_drops=stale.listener_drops if stale else decode_listener_drops(sample.listeners),
        failed_connects=decode_failed_connects(sample.failures),
        device_names=decode_device_names(sample.files),
        bound_at=stale.bound_at if stale else sample.mono if kind.shows_bound and sample.request.reads_bound else None,
    )
