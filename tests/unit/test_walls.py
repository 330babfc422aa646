"""What no contract of imports in pyproject.toml can hold: what a start loads."""

import os
import subprocess
import sys

import pytest

from tests import ROOT

HEAVY = {"plotext", "psutil", "rich", "textual"}


@pytest.mark.parametrize("arguments", [["-m", "twtop", "-1"], ["-c", "import twtop.cli.main, twtop.report.formats"]])
def test_a_single_report_loads_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == os.EX_OK, run.stderr.splitlines()[-1]
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert {"twtop.cli.main", "twtop.report.formats"} <= loaded
    assert loaded & HEAVY == set()
