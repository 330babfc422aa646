"""Frame → plain values in the schema twtop/1: what JSON says. Unknown is None, never 0."""

from datetime import UTC, datetime

from twtop import formatting as fmt
from twtop.analysis.unanswered import SilentEndpoint, Unanswered
from twtop.columns.field import (
    COUNT,
    FLAG,
    NUMBER,
    PORT_NUMBER,
    POSITIVE,
    TEXT,
    Field,
    Shape,
    nullable,
    object_of,
    plain,
)
from twtop.columns.peers import STATES
from twtop.columns.values import number
from twtop.dump.failures import Failures
from twtop.filter.query import Everything, unparse
from twtop.frame.frame import Frame
from twtop.model import Limits, TcpState
from twtop.verdicts.verdict import Level, Verdict

SCHEMA = "twtop/1"
BATCH = 1000
"""Sockets that are written at once: 100,000 at once take a fifth longer, and more memory."""

LimitField = Field[Limits, object]
FrameField = Field[Frame, object]
FailuresField = Field[Failures, object]
EndpointField = Field[SilentEndpoint, object]
UnansweredField = Field[Unanswered, object]
VerdictField = Field[Verdict, object]

MOMENT: Shape = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
}
PORT_PAIR: Shape = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
SECONDS: Shape = {"type": "array", "items": COUNT, "minItems": 60, "maxItems": 60}

LIMITS = (
    LimitField("port_range", nullable(PORT_PAIR), "ip_local_port_range: first and last port.",
        lambda it: it.port_range),
    LimitField("reserved", nullable({"type": "array", "items": PORT_PAIR}),
        "ip_local_reserved_ports: first and last port of each range.", lambda it: it.reserved),
    LimitField("tw_reuse", nullable(COUNT), "tcp_tw_reuse: 0 off, 1 on, 2 for loopback.", lambda it: it.tw_reuse),
    LimitField("tw_reuse_delay_ms", nullable(COUNT), "tcp_tw_reuse_delay in milliseconds.",
        lambda it: it.tw_reuse_delay_ms),
    LimitField("timestamps", nullable(COUNT), "tcp_timestamps: 0 is off.", lambda it: it.timestamps),
    LimitField("max_tw_buckets", nullable(COUNT), "tcp_max_tw_buckets.", lambda it: it.max_tw_buckets),
    LimitField("ehash_entries", nullable(COUNT), "Buckets of the hash table of connections.",
        lambda it: None if it.ehash_entries is None else abs(it.ehash_entries)),
    LimitField("rfc1337", nullable(COUNT), "tcp_rfc1337.", lambda it: it.rfc1337),
)  # fmt: skip

TIME_WAIT = (
    FrameField("count", COUNT, "TIME_WAIT now.", lambda it: it.total.count),
    FrameField("limit", nullable(COUNT), "tcp_max_tw_buckets; null where it cannot be read.",
        lambda it: it.snapshot.limits.max_tw_buckets),
    FrameField("memory_bytes", nullable(COUNT),
        "Kernel memory that they hold, in bytes, by formula; null where not all sockets were read.",
        lambda it: it.analysis.memory.here),
    FrameField("entered_per_s", nullable(POSITIVE), "Entries per second; null where it is unknown.",
        lambda it: number(it.total.entered_per_s)),
    FrameField("entered", nullable(SECONDS),
        "Entries in each of the last 60 seconds, oldest first, that are still there; null where timers are unknown.",
        lambda it: None if it.total.entered is None else it.total.entered.tolist()),
    FrameField("releases", nullable(SECONDS),
        "Releases in each of the next 60 seconds, soonest first, of those there now; null where timers are unknown.",
        lambda it: None if it.total.releases is None else it.total.releases.tolist()),
)  # fmt: skip

FAILED = (
    FailuresField("count", COUNT, "Failed since twtop began.", lambda it: it.count),
    FailuresField("per_s", POSITIVE, "Failed in the last second.", lambda it: it.last_s),
    FailuresField("last_60s", COUNT, "Failed in the last 60 seconds.", lambda it: it.last_60s),
    FailuresField("at_least", FLAG, "Whether more may have failed than were counted.", lambda it: it.count_at_least),
)  # fmt: skip

SILENT = (
    EndpointField("remote", TEXT, "Its address.", lambda it: fmt.address(it.address)),
    EndpointField("port", PORT_NUMBER, "Its port.", lambda it: it.port),
    EndpointField("waiting", COUNT, "SYN_SENT that have sent their SYN to it again.", lambda it: it.waiting),
    EndpointField("answered", COUNT, "Connections with it that are past SYN_SENT.", lambda it: it.answered),
    EndpointField("retransmits", COUNT, "How often one of them has sent its SYN again, at most.",
        lambda it: it.retransmits),
    EndpointField("silent_s", POSITIVE,
        "For how many seconds it had been silent when the sockets were read, at least.",
        lambda it: round(it.silent_s, 3)),
)  # fmt: skip

UNANSWERED = (
    UnansweredField("syn_sent", COUNT, "All SYN_SENT that were read.", lambda it: it.syn_sent),
    UnansweredField("waiting", nullable(COUNT),
        "Those that have sent their SYN again, because no answer came within a second; null where the source does not "
        "tell.", lambda it: it.waiting),
    UnansweredField("endpoints", COUNT, "For how many remote endpoints these wait.", lambda it: it.endpoints),
    UnansweredField("worst", {"anyOf": [object_of(SILENT), {"type": "null"}]},
        "The endpoint that answers least; null where none leaves a SYN unanswered.",
        lambda it: it.worst and plain(SILENT, it.worst)),
)  # fmt: skip

HEAD = (
    FrameField("schema", {"const": SCHEMA}, "Name of this schema. Fields may be added, not changed.", lambda _: SCHEMA),
    FrameField("time", MOMENT, "When it was read: RFC 3339, in UTC.",
        lambda it: rfc3339(it.snapshot.time)),
    FrameField("host", TEXT, "Host name.", lambda it: it.snapshot.host),
    FrameField("kernel", TEXT, "Release of the kernel.", lambda it: it.snapshot.kernel),
    FrameField("netns", nullable(TEXT), "Network namespace, as net:[inode]; null where it is unknown.",
        lambda it: it.snapshot.netns or None),
    FrameField("place", nullable(TEXT), "Network namespace as -N names it; null for twtop's own.",
        lambda it: it.snapshot.netns_name or None),
    FrameField("notice", nullable(TEXT), "What a reader should know of the source; null for nothing.",
        lambda it: it.snapshot.notice or None),
    FrameField("source", TEXT, "What told of the sockets: sock_diag, procfs or psutil.",
        lambda it: it.snapshot.source),
    FrameField("collect_ms", POSITIVE, "How long the reading took, in milliseconds.",
        lambda it: round(it.snapshot.collect_s * 1000, 1)),
    FrameField("sockets_age_s", POSITIVE,
        "How much older the sockets are than the counters, in seconds. What is told of single sockets, and what the "
        "filter keeps, is as it was then.", lambda it: round(it.snapshot.age_s, 3)),
    FrameField("part", FLAG, "Whether only sockets that the filter may keep were read.", lambda it: it.snapshot.part),
    FrameField("filter", nullable(TEXT), "The filter of states, peers and sockets in its normal form; null for none.",
        lambda it: None if isinstance(it.view.query, Everything) else unparse(it.view.query)),
    FrameField("load", nullable(TEXT), "What the load of `twtop demo` does; null without one.",
        lambda it: it.snapshot.load or None),
    FrameField("limits", object_of(LIMITS), "Sysctls of the network namespace; each null where it cannot be read.",
        lambda it: plain(LIMITS, it.snapshot.limits)),
    FrameField("states", STATES, "Sockets by TCP state that the filter keeps.",
        lambda it: {state.name: int(it.states.count[state]) for state in TcpState}),
    FrameField("time_wait", object_of(TIME_WAIT), "All TIME_WAIT of the network namespace, whatever the filter.",
        lambda it: plain(TIME_WAIT, it)),
    FrameField("failed_connects", {"anyOf": [object_of(FAILED), {"type": "null"}]},
        "connect() calls of the network namespace that found no port (EADDRNOTAVAIL), each counted when its socket is "
        "closed; null while they are not counted: no budget is near its end, or the source cannot.",
        lambda it: _failed_connects(it.analysis.reading.failures)),
    FrameField("unanswered", object_of(UNANSWERED), "connect() calls that wait for an answer.",
        lambda it: plain(UNANSWERED, it.analysis.unanswered)),
    FrameField("counters", {"type": "object", "additionalProperties": COUNT},
        "Counters of the kernel since the network namespace began, by its names; those of nf_conntrack begin with "
        "conntrack_. One that cannot be read is absent.",
        lambda it: dict(it.snapshot.counters)),
    FrameField("rates", {"type": "object", "additionalProperties": nullable(NUMBER)},
        "Their changes per second since the last tick, as NAME_per_s; null on the first tick.",
        lambda it: {f"{name}_per_s": number(value) for name, value in it.rates.items()}),
)  # fmt: skip

VERDICT = (
    VerdictField("id", TEXT, "What it is about: ports, connect_cost, unanswered, buckets, memory, fds, drops.",
        lambda it: it.id),
    VerdictField("level", {"enum": [*Level]}, "How bad it is.", lambda it: it.level.value),
    VerdictField("value", nullable(NUMBER),
        "The figure behind it: a share of one of ports, buckets and fds; ports that connect() tries; SYN without "
        "an answer; bytes of memory; drops per second. Null where it is unknown.", lambda it: number(it.value, 4)),
    VerdictField("text", TEXT, "The verdict in words.", lambda it: it.text),
)  # fmt: skip


def _failed_connects(failures: Failures | None) -> dict[str, object] | None:
    return None if failures is None or not failures.counting else plain(FAILED, failures)


def rfc3339(time: float) -> str:
    """A moment in UTC.

    >>> rfc3339(1.25)
    '1970-01-01T00:00:01.250Z'
    """
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
