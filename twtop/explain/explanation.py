"""What happens at N TIME_WAIT: what presses, what would help, and the common claims; and all of it as text."""

from collections.abc import Iterator
from textwrap import wrap

from twtop import formatting as fmt
from twtop.explain.claims import Claim, claims
from twtop.explain.fix import Fix
from twtop.explain.fixes import fixes
from twtop.frame.frame import Frame
from twtop.processes.detail import ProcessDetail
from twtop.records import dataclass
from twtop.sanitize import printable
from twtop.verdicts.verdict import Level, Verdict

WIDTH = 80
"""Characters of a line of text at most, but for lines to paste."""

HELP, NO_HELP = "What would help here", "Nothing is short here: there is nothing to fix."


@dataclass(frozen=True, slots=True)
class Explanation:
    """`pressing` are the verdicts that warn, the critical ones first. Where there are any, these and the fixes come
    before the claims.

    `fixes` are those that would help here, in the order in which to try them; none where nothing is short. `note` says
    where and how long a sysctl is in force; empty where no fix sets one.
    """

    title: str
    pressing: tuple[Verdict, ...]
    fixes: tuple[Fix, ...]
    note: str
    claims: tuple[Claim, ...]


def explain(frame: Frame, detail: ProcessDetail | None = None) -> Explanation:
    """Explain a frame. `detail` is of the process that the user looks at, if any."""
    found = fixes(frame)
    return Explanation(
        title=f"What happens at {fmt.count(frame.total.count)} TIME_WAIT?",
        pressing=tuple(
            verdict for level in (Level.CRITICAL, Level.WARN) for verdict in frame.verdicts if verdict.level is level
        ),
        fixes=found,
        note=_note(frame, found),
        claims=claims(frame, detail),
    )


def _note(frame: Frame, found: tuple[Fix, ...]) -> str:
    """Sysctls of TCP belong to a network namespace, and end with it or with the boot."""
    if not any(line.startswith("sysctl") for fix in found for line in fix.lines):
        return ""
    name = frame.snapshot.netns_name
    place = f" in the network namespace {printable(name, 32)} (nsenter --net, ip netns exec)" if name else ""
    return f"Run sysctl as root{place}. It lasts until the next boot; a file in /etc/sysctl.d makes it last."


def as_text(explanation: Explanation) -> str:
    """The explanation as lines of plain text."""
    parts = [_help(explanation), _claims(explanation)]
    if not explanation.pressing:
        parts.reverse()
    return "\n".join([explanation.title, *(line for part in parts for line in ("", *part))]).rstrip() + "\n"


def _help(explanation: Explanation) -> Iterator[str]:
    for verdict in explanation.pressing:
        yield from (*_wrapped(f"{verdict.title} {verdict.level.upper()}: {verdict.text}"), "")
    if heading := help_heading(explanation):
        yield heading
    for number, fix in enumerate(explanation.fixes, 1):
        yield from (f"{number}. {fix.what}", *_wrapped(f"{fix.effect}.", indent=4))
        yield from (f"        {line}" for line in fix.lines)
        yield ""
    yield from _wrapped(explanation.note)


def _wrapped(text: str, indent: int = 0) -> list[str]:
    """The lines of a paragraph. Lines to paste are never wrapped."""
    margin = " " * indent
    return wrap(text, WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)


def help_heading(explanation: Explanation) -> str:
    """What stands above the fixes, in words; empty where something presses, and no fix is known."""
    if explanation.fixes:
        return HELP
    return "" if explanation.pressing else NO_HELP


def _claims(explanation: Explanation) -> Iterator[str]:
    for number, claim in enumerate(explanation.claims):
        yield from ("",) if number else ()
        yield f"{claim.claim}: {claim.truth.upper()}"
        yield f"    {claim.number}"
        yield from (f"    {line}" for line in claim.why)
