"""What no contract in pyproject.toml can hold: what a start loads, and that the probe runs as a single file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

HEAVY = {"plotext", "psutil", "rich", "textual"}
RUN_ALONE = """
import runpy, sys
runpy.run_path("probe.py")["read_sample"]()
print(*sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"}))
"""


@pytest.mark.parametrize("arguments", [["-m", "twtop", "-1"], ["-c", "import twtop.cli.main, twtop.report.formats"]])
def test_a_single_report_loads_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == os.EX_OK, run.stderr.splitlines()[-1]
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert {"twtop.cli.main", "twtop.report.formats"} <= loaded
    assert loaded & HEAVY == set()


def test_the_probe_runs_as_a_single_file(tmp_path: Path) -> None:
    """In a folder of its own, by an interpreter that has the standard library alone."""
    shutil.copy(ROOT / "twtop" / "sources" / "probe.py", tmp_path)
    command = [sys.executable, "-I", "-S", "-c", RUN_ALONE]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr, run.stdout) == (os.EX_OK, "", "\n")
