"""What no contract of imports in pyproject.toml can hold: what a start loads."""

import os
import subprocess
import sys

import pytest

from tests import ROOT

HEAVY = {"lark", "numpy.ma", "plotext", "psutil", "rich", "textual", "twtop.demo.scenarios"}
"""np.unique() without indexes and np.median() load numpy.ma, 7 ms: arrays.distinct() does not."""


@pytest.mark.parametrize("arguments", [["-m", "twtop", "-1"], ["-c", "import twtop.cli.main, twtop.report.formats"]])
def test_a_single_report_loads_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == os.EX_OK, run.stderr.splitlines()[-1]
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert {"twtop.cli.main", "twtop.report.formats"} <= loaded
    assert loaded & HEAVY == set()


def test_docstrings_of_numpy_wait_until_somebody_reads_them() -> None:
    """They still come then: numpy's module is the same, only later."""
    program = """
import sys
from twtop.runtime import interpreter
interpreter.while_loading()
import numpy
docs = sys.modules["numpy._core._add_newdocs"]
assert not numpy.ndarray.__doc__, numpy.ndarray.__doc__
assert docs.add_newdoc
assert numpy.ndarray.__doc__
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == os.EX_OK, run.stderr
