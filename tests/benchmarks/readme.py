"""The tables in README.md, and the ratios that its text takes from them."""

import re

from tests import ROOT
from tests.benchmarks.readings import NETSTAT, SS
from tests.benchmarks.tables import BASE, RATIO, code

README = ROOT / "README.md"
TABLES = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- /bench -->)", re.DOTALL)
TOLD = re.compile(r"(?<=\[)[\d.]+(?= times\]\(#what-it-costs\))")
"""A ratio in the text. It leads to the tables."""

TOOLS = {"ss": SS, "netstat": NETSTAT}
"""Whoever has a line in “Beside other tools” that tells a ratio, as the tables have it."""

HEAD = re.compile(r"^\| ([\d,]+) TIME_WAIT, medians of \d+ rounds \|")
CELLS = re.compile(r"(?<!\\)\|")
NEAR = 0.1
"""A table is that of BASE sockets if it has so much more or less of them."""


def with_tables(readme: str, lines: list[str]) -> str:
    """The README with these tables, and with the ratios that they say.

    Raises ValueError where it has no one place for them, LookupError as `agreed` does.
    """
    written, places = TABLES.subn(lambda _: "\n".join(lines) + "\n", readme)
    if places != 1:
        raise ValueError(f"{README.name} has no one place between <!-- bench --> and <!-- /bench -->")
    return agreed(written)


def agreed(readme: str) -> str:
    """The README with the ratios of its own tables in its text. Raises LookupError where they say none."""
    for tool, contender in TOOLS.items():
        told = f"{ratio(readme, contender):.1f}"
        line = re.compile(rf"^\| `{tool}` \|.*$", re.MULTILINE)
        readme = line.sub(lambda found, told=told: TOLD.sub(told, found[0]), readme)  # type: ignore[misc]
    return readme


def ratio(readme: str, contender: str) -> float:
    """How many times as long as a reading by twtop a contender takes at BASE sockets. Raises LookupError."""
    column = 0
    for line in readme.splitlines():
        cells = [cell.strip() for cell in CELLS.split(line)]
        if head := HEAD.match(line):
            near = abs(int(head[1].replace(",", "")) / BASE - 1) < NEAR
            column = cells.index(RATIO) if near else 0
        elif column and cells[1:2] == [code(contender)]:
            return float(cells[column])
        elif not line:
            column = 0
    raise LookupError(f"no table of {BASE:,} TIME_WAIT says a ratio of {contender}")
