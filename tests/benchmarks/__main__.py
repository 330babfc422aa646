"""make bench: what twtop costs, beside the usual tools, on real TIME_WAIT in private namespaces."""

import argparse
import os
import platform
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests import ROOT
from tests.benchmarks import owners, program
from tests.benchmarks.level import held
from tests.benchmarks.readings import measure
from tests.support.in_namespace import run_in_namespace

README = ROOT / "README.md"
TABLES = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- /bench -->)", re.DOTALL)
LIMIT_S = 1800
STARTS = 5


def machine() -> str:
    """Of what the figures are true."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{os.cpu_count()} × {models[0] if models else platform.machine()}, Linux {platform.release()}"


def of_the_program(count: int) -> Iterator[str]:
    """The monitor in a terminal of 160 × 50 on a table that is churned, as Markdown."""
    with held(count) as level:
        level.keep()
        starts = [program.first_frame_s("/s in") for _ in range(STARTS)]
        share, (_, most) = program.share_of_cpu()
        keys = program.answers_ms()
        yield f"| first frame with figures | {statistics.median(starts):.2f} s |"
        yield f"| share of a CPU at one reading a second, {count / 61:,.0f} connections/s | {100 * share:.1f} % |"
        yield f"| peak memory | {most:,.0f} MB |"
        for name, spans in keys.items():
            at_95 = program.at_95_percent(spans)
            yield f"| {name}: key to screen | {statistics.median(spans):.0f} ms, 95 % within {at_95:.0f} ms |"


def quiet() -> Iterator[str]:
    share, (now, _) = program.share_of_cpu()
    yield f"| share of a CPU on a quiet box | {100 * share:.1f} % |"
    yield f"| memory on a quiet box | {now:,.0f} MB |"


def report(counts: list[int], rounds: int) -> Iterator[str]:
    yield f"{machine()}."
    for count in counts:
        table = run_in_namespace(lambda count=count: measure(count, rounds), timeout=LIMIT_S)  # type: ignore[misc]
        yield from ("", *table.lines())
    for count in counts:
        lines = run_in_namespace(lambda count=count: list(of_the_program(count)), timeout=LIMIT_S)  # type: ignore[misc]
        yield from ("", f"| monitor at {count:,} TIME_WAIT | |", "| :-- | --: |", *lines)
    yield from run_in_namespace(lambda: list(quiet()), timeout=LIMIT_S)


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what runs here starts as a user's does from the second time on
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1_000, 100_000, 250_000], help="TIME_WAIT to hold")
    parser.add_argument("--rounds", type=int, default=5, help="of paired runs (default 5)")
    parser.add_argument("--readme", action="store_true", help="write the tables into README.md as well")
    options = parser.parse_args()
    lines = []
    for line in report(options.counts, options.rounds):
        print(line, flush=True)
        lines.append(line)
    if options.readme:
        written, places = TABLES.subn("\n".join(lines) + "\n", README.read_text("utf-8"))
        if places != 1:
            parser.error(f"{README.name} has no one place between <!-- bench --> and <!-- /bench -->")
        README.write_text(written, "utf-8")
    owners.main()


if __name__ == "__main__":
    main()
