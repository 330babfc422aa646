"""python -m tests.benchmarks.runtime: runs with and without each setting of twtop/runtime/interpreter.py, in turns."""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.keys import answered, at_95_percent, press_all
from tests.benchmarks.level import held
from tests.benchmarks.terminal import twtop
from tests.support.in_namespace import run_in_namespace

AS_IT_IS = "as it is"
LIMIT_S = 3600
LOADED_S, WATCHED_S = 5.0, 30.0
"""Seconds until the monitor is loaded and its memory is warm, and then those that count."""

PRESSES, BETWEEN_S = 45, 0.05

RUN = "\nfrom twtop.__main__ import main\nmain()"

AT_THE_START = {
    AS_IT_IS: "",
    "numpy's one thread": "import os; os.environ['OPENBLAS_NUM_THREADS'] = str(os.cpu_count())",
    "no search for garbage while loading": "import gc; gc.disable = lambda: None",
    "numpy's docstrings left out": "from twtop.runtime import unused_modules; unused_modules.leave_out = lambda: None",
    "huge pages for a report": (
        "from twtop.runtime import interpreter; interpreter.before_a_single_report = lambda: None"
    ),
    "no taking down at the end": "import sys; from twtop.runtime import interpreter; interpreter.end = sys.exit",
}
IN_THE_MONITOR = {
    AS_IT_IS: "",
    "numpy's one thread": AT_THE_START["numpy's one thread"],
    "one pool of memory": "from twtop.runtime import interpreter; interpreter.share_one_pool = lambda: None",
    "loaded modules left out of the search": "import gc; gc.freeze = lambda: None",
    "rarer searches for garbage": "import gc; gc.set_threshold = lambda *numbers: None",
    "shorter turns of the threads": "import sys; sys.setswitchinterval = lambda seconds: None",
    "240 frames per second": "from twtop.runtime import interpreter; interpreter.FRAMES_PER_S = '60'",
}
"""Setting → what a child runs first to be without it."""

WATCH = f"""
import asyncio, gc, json, os, sys, threading, time
begin = time.perf_counter() + {LOADED_S}
end = begin + {WATCHED_S - 1}
held, paused, began = [0.0], [0.0], 0.0
run = asyncio.events.Handle._run
def timed(handle):
    start = time.perf_counter()
    run(handle)
    if begin < start < end:
        held.append(time.perf_counter() - start)
asyncio.events.Handle._run = timed
def searching(phase, _):
    global began
    now = time.perf_counter()
    if phase == "stop" and begin < began < end:
        paused.append(now - began)
    began = now
gc.callbacks.append(searching)
leave = os._exit
def tell(status):
    with open(os.environ["WATCHED"], "w") as file:
        json.dump([max(held), max(paused), sum(paused)], file)
    leave(status)
os._exit = tell
"""
"""Times each callback of the event loop, during which nothing is drawn, and each search for garbage."""


def start(prelude: str) -> dict[str, float]:
    """From exec to the end of `twtop -1 -o json`."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", prelude + RUN, "-1", "-o", "json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"twtop ended with {status}")
    return {"ms": (time.perf_counter() - begun) * 1000, "CPU ms": (used.ru_utime + used.ru_stime) * 1000}


def monitor(prelude: str) -> dict[str, float]:
    """The monitor on a table that is churned, read twice a second, while keys are pressed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "watched"
        os.environ["WATCHED"] = str(file)
        with twtop("-d", "0.5", "--max-cpu", "100", python=("-c", WATCH + prelude + RUN)) as terminal:
            terminal.read(LOADED_S)
            presses = press_all(terminal, PRESSES, BETWEEN_S)
            terminal.read(LOADED_S + WATCHED_S - (time.monotonic() - terminal.started))
            memory, most = terminal.memory_mb()
            terminal.press(b"q")
            terminal.read_to_the_end()
        longest, pause, pauses = json.loads(file.read_text())
    keys = {
        name: [span for span in spans if span < math.inf] for name, spans in answered(presses, terminal.output).items()
    }
    return {
        "memory MB": memory,
        "at most MB": most,
        **{f"{name} ms": statistics.median(spans) for name, spans in keys.items()},
        **{f"95 % of {name} ms": at_95_percent(spans) for name, spans in keys.items()},
        "longest hold of the screen ms": longest * 1000,
        "longest search for garbage ms": pause * 1000,
        "searching, ms per second": pauses * 1000 / (WATCHED_S - 1),
    }


def in_turns(
    variants: dict[str, str], measure: Callable[[str], dict[str, float]], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Variant → figure → its values. A round runs each variant once."""
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in variants}
    for _ in range(rounds):
        for name, prelude in variants.items():
            for figure, value in measure(prelude).items():
                found[name][figure].append(value)
    return found


def table(title: str, found: dict[str, dict[str, list[float]]]) -> Sequence[str]:
    """As Markdown: medians, and in brackets the median difference to the run as it is of the same round."""
    usual = found[AS_IT_IS]
    lines = ["", f"| {title} | {' | '.join(usual)} |", f"| :-- |{' --: |' * len(usual)}"]
    for name, figures in found.items():
        cells = []
        for figure, values in figures.items():
            more = statistics.median(own - other for own, other in zip(values, usual[figure], strict=True))
            cells.append(f"{statistics.median(values):,.1f}" + (f" ({more:+,.1f})" if name != AS_IT_IS else ""))
        shown = name if name == AS_IT_IS else f"without {name}"
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    return lines


def of_the_monitor(variants: dict[str, str], count: int, rounds: int) -> Sequence[str]:
    with held(count):
        return table(f"monitor at {count:,} TIME_WAIT", in_turns(variants, monitor, rounds))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.runtime", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="TIME_WAIT to hold (default 100,000)")
    parser.add_argument("--rounds", type=int, default=5, help="of the monitor, with each setting (default 5)")
    parser.add_argument("--starts", type=int, default=20, help="rounds of starts (default 20)")
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=f"of the monitor: {', '.join(IN_THE_MONITOR)}")
    options = parser.parse_args()
    variants = {name: prelude for name, prelude in IN_THE_MONITOR.items() if name in (AS_IT_IS, *options.settings)}
    if not options.settings:
        variants = IN_THE_MONITOR
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    start("")  # the first one compiles
    starts = in_turns(AT_THE_START, start, options.starts)
    print("\n".join(table("twtop -1 -o json", starts)), flush=True)
    found = run_in_namespace(lambda: of_the_monitor(variants, options.count, options.rounds), timeout=LIMIT_S)
    print("\n".join(found), flush=True)


if __name__ == "__main__":
    main()
