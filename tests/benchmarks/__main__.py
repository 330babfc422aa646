"""make bench: what twtop costs, beside the usual tools, on real TIME_WAIT in private namespaces."""

import argparse
import os
import platform
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks import owners, program, tables
from tests.benchmarks.level import held
from tests.benchmarks.readings import Measured, measure
from tests.benchmarks.readme import README, with_tables
from tests.support.in_namespace import run_in_namespace

LIMIT_S = 7200


def machine() -> str:
    """Of what the figures are true."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{os.cpu_count()} × {models[0] if models else platform.machine()}, Linux {platform.release()}"


def on_level(count: int, rounds: int) -> tuple[Measured, list[str]]:
    """(the readings of so many TIME_WAIT, the lines about the monitor beside them)."""
    with held(count) as level:
        return measure(level, rounds), list(program.of_the_monitor(level))


def report(counts: list[int], rounds: int) -> Iterator[str]:
    """Lines of Markdown, as soon as they are known."""
    yield f"{machine()}."
    every = []
    for count in counts:
        measured, monitor = run_in_namespace(partial(on_level, count, rounds), timeout=LIMIT_S)
        every.append(measured)
        for table in (tables.parts(measured), tables.contenders(measured), tables.ratios(measured), monitor):
            yield from ("", *table)
    if growth := list(tables.growth(every)):
        yield from ("", *growth)
    yield from ("", *run_in_namespace(lambda: list(program.of_a_quiet_monitor()), timeout=LIMIT_S))


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what runs here starts as a user's does from the second time on
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1_000, 100_000, 250_000], help="TIME_WAIT to hold")
    parser.add_argument("--rounds", type=int, default=5, help="of paired runs (default 5)")
    parser.add_argument("--readme", action="store_true", help="write the tables into README.md as well")
    options = parser.parse_args()
    if options.readme and tables.BASE not in options.counts:
        parser.error(f"the text of {README.name} tells ratios at {tables.BASE}, so --readme needs that count")
    lines = []
    for line in report(options.counts, options.rounds):
        print(line, flush=True)
        lines.append(line)
    if options.readme:
        README.write_text(with_tables(README.read_text("utf-8"), lines), "utf-8")
    owners.main()


if __name__ == "__main__":
    main()
