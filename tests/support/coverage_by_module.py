"""The suite with its coverage, processes that it starts or forks counted: `make coverage`.

What is given on the command line goes to pytest. Ends with 1 where a test fails, or where less than LEAST percent of a
module's lines are run; those modules are named, with the lines that are not.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import ROOT

LEAST = 90
FOLDER = ROOT / ".coverage"


def main(given: list[str]) -> int:
    """Run the suite and tell what it reached."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    tests = coverage("run", "-m", "pytest", *given).returncode
    coverage("combine", "--quiet")
    report = FOLDER / "report.json"
    coverage("json", "--quiet", "-o", str(report))
    lines = told(json.loads(report.read_text()))
    print("\n".join(lines))
    return int(tests != 0 or len(lines) > 1)


def coverage(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    environment = os.environ | {"COVERAGE_FILE": str(FOLDER / "data")}
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, env=environment, check=False)


def told(report: dict[str, Any]) -> list[str]:
    """A line for each module below LEAST percent, the lowest first, and one about all."""
    low = sorted(
        (found["summary"]["percent_covered"], str(Path(name)), found["missing_lines"])
        for name, found in report["files"].items()
        if found["summary"]["percent_covered"] < LEAST
    )
    lines = [f"{share:.1f} %  {name}: not run are {spans(missing)}" for share, name, missing in low]
    total = report["totals"]["percent_covered"]
    return [*lines, f"{total:.1f} % of all lines; {len(low)} of {len(report['files'])} modules below {LEAST} %"]


def spans(numbers: list[int]) -> str:
    """Ascending numbers in short.

    >>> spans([1, 2, 3, 7, 9, 10])
    '1-3, 7, 9-10'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
