"""The watch for a lost terminal, up to the last moment of the process."""

import os
import pty
import subprocess
import sys

from tests import ROOT

LEAVES = """
import numpy  # something to take down at the end
from twtop.ui.terminal_watch import end_without

end_without(0, grace_s=0.001)
print("told", flush=True)
"""

WAITS = """
import os
from twtop.ui.terminal_watch import end_without

end_without(0, grace_s=0.1)
print("told", flush=True)
os.read(os.pipe()[0], 1)
"""


def _run(program: str, keep: bool) -> int:
    """The exit status of a program in a terminal, which is closed as soon as it has `told` if not to be kept."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.readline() == b"told\n"
        if not keep:
            os.close(ours)
        status = process.wait(timeout=30)
    if keep:
        os.close(ours)
    return status


def test_it_does_not_kill_a_program_that_ends_by_itself() -> None:
    assert _run(LEAVES, keep=True) == 0


def test_it_ends_a_program_that_waits_without_a_terminal() -> None:
    assert _run(WAITS, keep=False) == 128 + 1
