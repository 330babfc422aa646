"""SYN: connect() calls that nobody answers, or that fail in another way than for want of a port."""

from twtop import formatting as fmt
from twtop.analysis.analysis import Analysis
from twtop.analysis.kernel_costs import listener_at
from twtop.analysis.unanswered import MuteEndpoint, SilentEndpoint
from twtop.verdicts.verdict import Evidence, Level, Verdict, noting_part

FEW = 10
"""So many SYN without an answer are no longer taken for a few lost packets."""

NO_CHANCE = 3
"""So many retransmits of one SYN are none either: at 1 % of loss, one SYN in a hundred million has them."""

FAILING_PER_S, FAILING_SHARE = 10, 0.5
"""From this rate on, and from this share of all connect() calls, warn of those that are refused or given up."""


def unanswered(evidence: Evidence) -> Verdict:
    """Critical where at least FEW wait for an endpoint that answers fewer, or none of NO_CHANCE attempts."""
    analysis, found = evidence.analysis, evidence.analysis.unanswered
    if found.waiting is None:
        text = f"{_syn_sent(found.syn_sent)} for an answer; for how long cannot be read here."
        return noting_part(analysis, Verdict("unanswered", Level.UNKNOWN, None, "–", text))
    level, short, told = Level.OK, "ok", []
    if failing := _failing(evidence):
        level, short = Level.WARN, f"{fmt.per_s(failing)} fail"
        told = [f"{fmt.rate(failing)} connects per second are refused or given up"]
    elif found.mute is not None:
        level, short, told = Level.WARN, f"{fmt.count(found.mute.syn_sent)} SYN_SENT", [_muteness(analysis, found.mute)]
    if (worst := found.worst) is not None:
        reason = _reason(evidence, worst)
        silence = [_silence(analysis, worst), *reason]
        if found.waiting > worst.waiting:
            silence.append(f"{fmt.count(found.waiting - worst.waiting)} more wait for {_others(found.endpoints - 1)}")
        if found.waiting >= FEW or worst.retransmits >= NO_CHANCE or reason:
            short = f"{fmt.count(found.waiting)} unanswered"
            level = Level.CRITICAL if worst.waiting >= FEW and _is_dead(analysis, worst) else Level.WARN
        else:
            silence.append("so few may be lost packets")
        told = [*silence, *told]
    if not told:
        told = ["No connect() waits for an answer"]
        if found.syn_sent:
            told = [f"{_syn_sent(found.syn_sent)} for an answer, less than a second each"]
    return noting_part(analysis, Verdict("unanswered", level, float(found.waiting), short, "; ".join(told) + "."))


def _is_dead(analysis: Analysis, worst: SilentEndpoint) -> bool:
    """Whether it does not answer, rather than packets are lost. Of a part of the sockets, only retransmits tell."""
    return worst.retransmits >= NO_CHANCE or (worst.waiting > worst.answered and not analysis.snapshot.part)


def _syn_sent(count: int) -> str:
    return "1 SYN_SENT waits" if count == 1 else f"{fmt.count(count)} SYN_SENT wait"


def _others(count: int) -> str:
    return f"{fmt.count(count)} other endpoint{'s' * (count != 1)}"


def _silence(analysis: Analysis, worst: SilentEndpoint) -> str:
    """Who does not answer, how many SYN, and for how long."""
    for_s = worst.silent_s + analysis.snapshot.age_s
    again = "once" if worst.retransmits == 1 else f"up to {worst.retransmits} times"
    text = f"{fmt.endpoint(worst.address, worst.port)} leaves {fmt.count(worst.waiting)} SYN unanswered, "
    text += f"for {fmt.span(for_s)} at least, retransmitted {again}"
    if worst.answered:
        text += f", beside {fmt.count(worst.answered)} connections that it has answered"
    return text


def _reason(evidence: Evidence, worst: SilentEndpoint) -> list[str]:
    """Why nobody answers, as far as it is to be seen here."""
    listener = listener_at(evidence.analysis.snapshot.sockets, worst.address, worst.port)
    if listener is not None and listener.share >= 1:
        return [f"it listens here, and its accept queue is full: {listener.fill}"]
    return ["conntrack drops packets here"] if evidence.rates.per_s.get("conntrack_drop") else []


def _muteness(analysis: Analysis, mute: MuteEndpoint) -> str:
    end, for_s = fmt.endpoint(mute.address, mute.port), mute.mute_s + analysis.snapshot.age_s
    told = f"{end} has {fmt.count(mute.syn_sent)} SYN_SENT and no connection, for {fmt.span(for_s)} at least"
    return f"{told}: nobody answers and clients give up within a second, or all connections end at once"


def _failing(evidence: Evidence) -> float | None:
    """connect() calls per second that are refused or given up, if they are many; None otherwise and for unknown.

    AttemptFails also counts peers that break off a handshake with a listener here; EmbryonicRsts counts these alone
    (tcp_check_req).
    """
    rates = evidence.rates.per_s
    failed, opened, inbound = (rates.get(name) for name in ("AttemptFails", "ActiveOpens", "EmbryonicRsts"))
    if failed is None or opened is None or inbound is None:
        return None
    ours = failed - inbound
    return ours if ours >= max(FAILING_PER_S, FAILING_SHARE * opened) else None
