"""SYN: connect() calls that nobody answers, or that fail in another way than for want of a port."""

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.analysis.kernel_costs import listener_at
from twtop.analysis.unanswered import SilentEndpoint
from twtop.records import dataclass
from twtop.verdicts.verdict import Evidence, Level, Verdict, noting_part

FEW = 10
"""So many SYN without an answer are no longer taken for a few lost packets."""

NO_CHANCE = 3
"""So many retransmits of one SYN are none either: at 1 % of loss, one SYN in a hundred million has them."""

FAILING_PER_S, FAILING_SHARE = 10, 0.5
"""From this rate on, and from this share of all connect() calls, warn of those that are refused or given up."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A reason to warn, as in Verdict; the text is one clause or more without a full stop."""

    level: Level
    short: str
    text: str


def unanswered(evidence: Evidence) -> Verdict:
    """The value is how many SYN have waited a second or more for an answer."""
    found = evidence.analysis.unanswered
    if found.waiting is None:
        text = f"{_syn_sent(found.syn_sent)} for an answer; for how long cannot be read here."
        return noting_part(evidence.analysis, Verdict("unanswered", Level.UNKNOWN, None, "–", text))
    silent, refused = _silent(evidence), _refused(evidence)
    mute = None if silent or refused else _mute(evidence)
    alarms = [alarm for alarm in (silent, mute, refused) if alarm]
    first = alarms[0] if alarms else Alarm(Level.OK, "ok", _calm(evidence))
    text = "; ".join(alarm.text for alarm in (first, *alarms[1:])) + "."
    return noting_part(evidence.analysis, Verdict("unanswered", first.level, float(found.waiting), first.short, text))


def _silent(evidence: Evidence) -> Alarm | None:
    """Critical where at least FEW wait for an endpoint that answers fewer, or none of NO_CHANCE attempts."""
    analysis, found = evidence.analysis, evidence.analysis.unanswered
    worst, waiting = found.worst, found.waiting or 0
    if worst is None:
        return None
    reason, no_chance = _reason(evidence, worst), worst.retransmits >= NO_CHANCE
    if waiting < FEW and not no_chance and not reason:
        return None
    is_dead = no_chance or (worst.waiting > worst.answered and not analysis.snapshot.part)
    level = Level.CRITICAL if worst.waiting >= FEW and is_dead else Level.WARN
    told = [_silence(analysis, worst), *reason]
    if waiting > worst.waiting:
        others = found.endpoints - 1
        more = f"{fmt.count(waiting - worst.waiting)} more wait for {fmt.count(others)} other endpoint"
        told.append(f"{more}{'s' * (others != 1)}")
    return Alarm(level, f"{fmt.count(waiting)} unanswered", "; ".join(told))


def _mute(evidence: Evidence) -> Alarm | None:
    mute = evidence.analysis.unanswered.mute
    if mute is None:
        return None
    end, for_s = fmt.endpoint(mute.address, mute.port), mute.mute_s + evidence.analysis.snapshot.age_s
    told = f"{end} has {fmt.count(mute.syn_sent)} SYN_SENT and no connection, for {fmt.span(for_s)} at least"
    why = "nobody answers and clients give up within a second, or all connections end at once"
    return Alarm(Level.WARN, f"{fmt.count(mute.syn_sent)} SYN_SENT", f"{told}: {why}")


def _refused(evidence: Evidence) -> Alarm | None:
    """AttemptFails counts connects that are refused or given up, and also peers that break off a handshake with a
    listener here; EmbryonicRsts counts these alone (tcp_check_req)."""
    rates = evidence.rates.per_s
    failed, opened, inbound = (rates.get(name) for name in ("AttemptFails", "ActiveOpens", "EmbryonicRsts"))
    if failed is None or opened is None or inbound is None:
        return None
    ours = failed - inbound
    if ours < max(FAILING_PER_S, FAILING_SHARE * opened):
        return None
    return Alarm(Level.WARN, f"{fmt.per_s(ours)} fail", f"{fmt.rate(ours)} connects per second are refused or given up")


def _calm(evidence: Evidence) -> str:
    found = evidence.analysis.unanswered
    if found.worst is not None:
        return f"{_silence(evidence.analysis, found.worst)}; so few may be lost packets"
    if found.syn_sent:
        return f"{_syn_sent(found.syn_sent)} for an answer, less than a second each"
    return "No connect() waits for an answer"


def _syn_sent(count: int) -> str:
    return "1 SYN_SENT waits" if count == 1 else f"{fmt.count(count)} SYN_SENT wait"


def _silence(analysis: Analysis, worst: SilentEndpoint) -> str:
    """Who does not answer, how many SYN, and for how long."""
    for_s = worst.silent_s + analysis.snapshot.age_s
    again = "once" if worst.retransmits == 1 else f"up to {worst.retransmits} times"
    text = f"{fmt.endpoint(worst.address, worst.port)} leaves {fmt.count(worst.waiting)} SYN unanswered, "
    text += f"for {fmt.span(for_s)} at least, retransmitted {again}"
    if worst.answered:
        text += f", beside {fmt.count(worst.answered)} connection{'s' * (worst.answered != 1)} that it has answered"
    return text


def _reason(evidence: Evidence, worst: SilentEndpoint) -> list[str]:
    """Why nobody answers, as far as it is to be seen here."""
    listener = listener_at(evidence.analysis.snapshot.sockets, worst.address, worst.port)
    if listener is not None and listener.share >= 1:
        return [f"it listens here, and its accept queue is full: {listener.fill}"]
    return ["conntrack drops packets here"] if evidence.rates.per_s.get("conntrack_drop") else []
