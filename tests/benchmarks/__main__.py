"""make bench: what twtop costs, beside the usual tools, on real TIME_WAIT in private namespaces."""

import argparse
import itertools
import os
import platform
import re
import sys
from collections.abc import Iterable
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


def tell(*parts: Iterable[str]) -> list[str]:
    """Print lines as soon as they are known, each part after an empty one; all of them."""
    told = []
    for line in itertools.chain.from_iterable(itertools.chain([""], part) for part in parts):
        print(line, flush=True)
        told.append(line)
    return told


def on_level(count: int, rounds: int) -> tuple[Measured, list[str]]:
    """(the readings of so many TIME_WAIT, what was told of them and of the monitor beside them)."""
    print(f"\n{count:,} TIME_WAIT come up, which takes a minute ...", file=sys.stderr)
    with held(count) as level:
        measured = measure(level, rounds)
        readings = tell(tables.parts(measured), tables.contenders(measured), tables.ratios(measured))
        return measured, readings + tell(program.of_the_monitor(level))


def report(counts: list[int], rounds: int) -> list[str]:
    """Tell and return the lines of all that is measured, as Markdown."""
    lines, every = tell([f"{machine()}."]), []
    for count in counts:
        measured, told = run_in_namespace(partial(on_level, count, rounds), timeout=LIMIT_S)
        every.append(measured)
        lines += told
    if growth := list(tables.growth(every)):
        lines += tell(growth)
    return lines[1:] + run_in_namespace(lambda: tell(program.of_a_quiet_monitor()), timeout=LIMIT_S)


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what runs here starts as a user's does from the second time on
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1_000, 100_000, 250_000], help="TIME_WAIT to hold")
    parser.add_argument("--rounds", type=int, default=5, help="of paired runs (default 5)")
    parser.add_argument("--readme", action="store_true", help="write the tables into README.md as well")
    options = parser.parse_args()
    if options.readme and tables.BASE not in options.counts:
        parser.error(f"the text of {README.name} tells ratios at {tables.BASE}, so --readme needs that count")
    lines = report(options.counts, options.rounds)
    if options.readme:
        README.write_text(with_tables(README.read_text("utf-8"), lines), "utf-8")
    owners.main()


if __name__ == "__main__":
    main()
