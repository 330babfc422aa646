"""What was measured, as short tables in Markdown."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks.reading import PARTS, Reading
from tests.benchmarks.readings import COLD, NETSTAT, SS, Measured
from tests.benchmarks.spans import SMALL_MB, Span

PART_NAMES = {
    "dump": "dump, counters",
    "decode": "decode",
    "analysis": "destinations, budgets, forecast",
    "frame": "verdicts, groups, frame",
}
FIRST, LATER, UNIT = "twtop: first reading", "twtop: later reading", "twtop: dump without bound sockets"
RATIO = "ratio"
BASE = 100_000
"""TIME_WAIT whose cost for each socket others are compared with."""


@dataclass(frozen=True)
class Ratios:
    """Medians over the turns of what was measured; CPU time over CPU time."""

    measured: Measured

    def later(self) -> float:
        """A later reading, over the dump without bound sockets beside it."""
        return statistics.median(turn.later.whole.cpu_s / turn.unit.cpu_s for turn in self.measured.turns)

    def of(self, contender: str) -> float | None:
        """A contender over the later reading beside it; None where it did not run."""
        pairs = [turn for turn in self.measured.turns if turn.contender == contender]
        return statistics.median(turn.span.cpu_s / turn.later.whole.cpu_s for turn in pairs) if pairs else None

    def between(self, one: str, other: str) -> float | None:
        """A contender over another one of the same round; None where one of them did not run."""
        spans = [[turn.span for turn in self.measured.turns if turn.contender == name] for name in (one, other)]
        pairs = list(zip(*spans, strict=bool(all(spans))))
        return statistics.median(ours.cpu_s / theirs.cpu_s for ours, theirs in pairs) if pairs else None


def milliseconds(spans: Sequence[Span]) -> str:
    """Their median CPU time, a dash where there are none."""
    return f"{1000 * statistics.median(span.cpu_s for span in spans):,.1f}" if spans else "–"


def parts(measured: Measured) -> Iterator[str]:
    """A reading in its parts: the first one of a new twtop, later ones, and those of them that read bound sockets."""
    later = [turn.later for turn in measured.turns]
    columns: list[list[Reading]] = [measured.firsts, later, [reading for reading in later if reading.bound]]
    destinations = round(statistics.median(reading.destinations for reading in later))
    yield (
        f"| a reading of {measured.time_wait:,} TIME_WAIT to {destinations:,} destinations, "
        f"{measured.churn_per_s:,.0f} connections/s, CPU ms | first | later | of them with bound sockets |"
    )
    yield "| :-- | --: | --: | --: |"
    for part in PARTS:
        yield _row(PART_NAMES[part], *(milliseconds([reading.parts[part] for reading in each]) for each in columns))
    yield _row("whole", *(milliseconds([reading.whole for reading in each]) for each in columns))


def contenders(measured: Measured) -> Iterator[str]:
    """All of them beside the later reading."""
    ratios, turns = Ratios(measured), measured.turns
    later = [turn.later.whole for turn in turns]
    firsts = [reading.whole for reading in measured.firsts]
    typical = statistics.median(span.cpu_s for span in later)
    rounds = len(measured.firsts)
    yield f"| {measured.time_wait:,} TIME_WAIT, medians of {rounds} rounds | CPU ms | {RATIO} | ms | peak MB |"
    yield "| :-- | --: | --: | --: | --: |"
    yield _contender(LATER, later, 1.0)
    yield _contender(FIRST, firsts, statistics.median(span.cpu_s for span in firsts) / typical)
    yield _contender(UNIT, [turn.unit for turn in turns], 1 / ratios.later())
    for name in dict.fromkeys(turn.contender for turn in turns):
        shown = name if name.startswith("twtop:") else code(name)
        yield _contender(shown, [turn.span for turn in turns if turn.contender == name], ratios.of(name) or 0.0)


def ratios(measured: Measured) -> Iterator[str]:
    """What is held to a limit."""
    of = Ratios(measured)
    found = {
        f"later reading ÷ {_plain(UNIT)}": of.later(),
        f"{code(SS)} ÷ later reading": of.of(SS),
        f"{code(COLD)} ÷ {code(NETSTAT)}": of.between(COLD, NETSTAT),
    }
    yield f"| {measured.time_wait:,} TIME_WAIT, medians of pairs | {RATIO} |"
    yield "| :-- | --: |"
    for name, ratio in found.items():
        if ratio is not None:
            yield _row(name, f"{ratio:.2f}")


def growth(every: Sequence[Measured]) -> Iterator[str]:
    """What one socket costs, over what it costs in a table of about BASE; nothing where none is as large."""
    base = next((each for each in every if abs(each.time_wait / BASE - 1) < 0.1), None)
    larger = [each for each in every if base is not None and each.time_wait > 2 * base.time_wait]
    if base is None or not larger:
        return
    yield _row(f"a socket's CPU time ÷ that at {base.time_wait:,} TIME_WAIT", "later reading", _plain(UNIT))
    yield "| :-- | --: | --: |"
    for each in larger:
        shares = (now / then for now, then in zip(_of_a_socket(each), _of_a_socket(base), strict=True))
        yield _row(f"{each.time_wait:,} TIME_WAIT", *(f"{share:.2f}" for share in shares))


def _of_a_socket(measured: Measured) -> tuple[float, float]:
    """CPU seconds of a later reading and of a dump, for each socket that was read."""
    turns = measured.turns
    return (
        statistics.median(turn.later.whole.cpu_s / turn.later.sockets for turn in turns),
        statistics.median(turn.unit.cpu_s / turn.later.sockets for turn in turns),
    )


def _contender(name: str, spans: Sequence[Span], ratio: float) -> str:
    wall = f"{1000 * statistics.median(span.wall_s for span in spans):,.1f}"
    most = max(span.memory_mb for span in spans)
    memory = f"{most:,.0f}" if most >= SMALL_MB else f"< {SMALL_MB}" if most else ""
    return _row(name, milliseconds(spans), f"{ratio:.2f}", wall, memory)


def _plain(name: str) -> str:
    return name.removeprefix("twtop: ")


def code(text: str) -> str:
    """As code in a cell."""
    return f"`{text}`".replace("|", "\\|")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
