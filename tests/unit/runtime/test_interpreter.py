"""What the interpreter, malloc and numpy are told; tests/benchmarks/runtime.py measures what it is worth."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ENTER = """
import numpy
from twtop.demo.private_netns import NamespaceRefused, enter
try:
    enter()
except NamespaceRefused as refused:
    print(refused)
"""
TOO_MANY = "this process already has several threads"


def said(begin: str, **settings: str) -> str:
    """What a process of its own prints that runs this code, and then enters a namespace of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | settings
    run = subprocess.run([sys.executable, "-c", begin + ENTER], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_numpy_leaves_a_single_thread_which_a_namespace_of_its_own_takes() -> None:
    assert TOO_MANY in said("", OPENBLAS_NUM_THREADS="2")
    assert TOO_MANY not in said("from twtop.runtime import interpreter; interpreter.while_loading()")


def test_a_setting_of_the_users_stays() -> None:
    told = "from twtop.runtime import interpreter; interpreter.while_loading()"
    assert TOO_MANY in said(told, OPENBLAS_NUM_THREADS="2")


AN_ARRAY_IN_HUGE_PAGES = """
import re
from pathlib import Path
from twtop.runtime import interpreter
interpreter.while_loading()
import numpy
interpreter.before_a_single_report()
array = numpy.ones(500_000)  # the huge pages begin within 2 MB
at = array.__array_interface__["data"][0] + array.nbytes - 1
found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) .*?^VmFlags:([^\\n]*)", Path("/proc/self/smaps").read_text(), re.M | re.S)
(flags,) = [flags.split() for low, high, flags in found if int(low, 16) <= at < int(high, 16)]
print(*flags)
"""


@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").exists() or platform.libc_ver()[0] != "glibc",
    reason="a kernel with huge pages and glibc's malloc",
)
def test_arrays_of_a_single_report_lie_in_huge_pages() -> None:
    command = [sys.executable, "-c", AN_ARRAY_IN_HUGE_PAGES]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "hg" in run.stdout.split()
    without = AN_ARRAY_IN_HUGE_PAGES.replace("interpreter.before_a_single_report()", "")
    run = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=True)
    assert "hg" not in run.stdout.split()


def test_garbage_is_searched_for_once_loading_is_over() -> None:
    code = (
        "import gc; from twtop.runtime import interpreter; interpreter.while_loading(); before = gc.isenabled();"
        "interpreter.once_loaded(); print(before, gc.isenabled())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]


A_SCREEN_THAT_GOES = """
import gc, weakref
from twtop.runtime import interpreter

class Line:
    def __init__(self):
        self.itself = self  # only the search for garbage finds it

interpreter.after_the_first_frame()
line = Line()
gone = weakref.ref(line)
interpreter.after_the_first_frame()
del line
gc.collect()
print(gone())
"""


def test_what_is_on_the_screen_is_found_after_every_first_frame() -> None:
    """Each network namespace that is watched has a first frame."""
    run = subprocess.run([sys.executable, "-c", A_SCREEN_THAT_GOES], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["None"]


SCREEN = 5000
LINES_OF_A_SCREEN = f"""
import gc
from collections import deque
from twtop.runtime import interpreter

class Line:
    __slots__ = ("itself",)

    def __init__(self):
        self.itself = self  # only the search for garbage finds it

interpreter.after_the_first_frame()
screen, most = deque(maxlen={SCREEN}), []
for _ in range(2):
    most.append(0)
    for number in range(400_000):
        screen.append(Line())
        if number % 10_000 == 0:
            most[-1] = max(most[-1], len(gc.get_objects()))
print(*most)
"""


def test_garbage_of_any_age_is_found_before_there_is_more_and_more() -> None:
    """While the second half of the lines comes there are as many at most as before, one or two searches aside."""
    run = subprocess.run([sys.executable, "-c", LINES_OF_A_SCREEN], capture_output=True, text=True, check=True)
    first, second = map(int, run.stdout.split())
    assert second < first + 2 * SCREEN
