"""`make soak` in little: a minute, and a fifteenth of the sockets."""

import subprocess
import sys

import pytest

from tests import ROOT


@pytest.mark.slow
@pytest.mark.long
def test_a_minute_of_it() -> None:
    command = [sys.executable, "-m", "tests.soak", "--minutes", "1", "--sockets", "20000", "--seed", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
