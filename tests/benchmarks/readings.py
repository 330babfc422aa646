"""One reading of a socket table by twtop and by the usual tools, in turns."""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from tests.benchmarks.level import FIRST_PORT, held, time_waits
from twtop.engine.pipeline import Pipeline
from twtop.frame.view import View
from twtop.sources.open_source import open_local
from twtop.sources.probe import ALL_SOCKETS

PIPELINE = f"netstat -nat | grep :{FIRST_PORT} | grep TIME_WAIT | wc -l"
COLD = f"{sys.executable} -m twtop -1 -o json"
UNBOUNDED = 1e9

SMALL_PARENT = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(["sh", "-c", sys.argv[1]], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print([time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6])
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""What a child held at most includes what its parent held when it was forked, so a small one starts it."""

SMALL_MB = 15
"""More than that parent holds."""

READING = "twtop: dump, decode, group, budget, forecast"


@dataclass
class Runs:
    """What each run of one contender took; `memory` is the most that a process of it held, 0 within this process."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: float = 0.0


@dataclass(frozen=True)
class Table:
    """Medians of paired runs: of each round the span over that of twtop's reading in the same round."""

    sockets: int
    rounds: int
    runs: dict[str, Runs]

    def ratio(self, name: str) -> float:
        pairs = zip(self.runs[name].wall, self.runs[READING].wall, strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def lines(self) -> list[str]:
        """As Markdown."""
        head = f"| {self.sockets:,} TIME_WAIT, medians of {self.rounds} rounds | ms | ratio | CPU ms | peak MB |"
        lines = [head, "| :-- | --: | --: | --: | --: |"]
        for name, runs in self.runs.items():
            wall, cpu = (statistics.median(each) * 1000 for each in (runs.wall, runs.cpu))
            memory = f"{runs.memory:,.0f}" if runs.memory >= SMALL_MB else "" if not runs.memory else f"< {SMALL_MB}"
            shown = name if name.startswith("twtop:") else f"`{name}`".replace("|", "\\|")
            lines.append(f"| {shown} | {wall:,.1f} | {self.ratio(name):.2f} | {cpu:,.1f} | {memory} |")
        return lines


Contender = Callable[[Runs], object]


def within(work: Callable[[], object]) -> Contender:
    """Work in this process."""

    def run(runs: Runs) -> None:
        start, cpu = time.perf_counter(), time.process_time()
        work()
        runs.wall.append(time.perf_counter() - start)
        runs.cpu.append(time.process_time() - cpu)

    return run


def command(line: str) -> Contender:
    """A shell command whose output is discarded."""

    def run(runs: Runs) -> None:
        small = [sys.executable, "-I", "-S", "-c", SMALL_PARENT, line]
        wall, cpu, memory = json.loads(subprocess.run(small, check=True, capture_output=True).stdout)
        runs.wall.append(wall)
        runs.cpu.append(cpu)
        runs.memory = max(runs.memory, memory)

    return run


def contenders() -> dict[str, Contender]:
    """Those that this machine has; twtop's reading is that of a monitor which has run for a while."""
    source, pipeline = open_local(), Pipeline(open_local, UNBOUNDED)

    def reading() -> None:
        pipeline.build(pipeline.read(1.0), View())

    found = {
        READING: within(reading),
        "twtop: of that the dump, its bytes not looked at": within(lambda: source.read(ALL_SOCKETS)),
        COLD.replace(f"{sys.executable} -m ", ""): command(COLD),
        f"twtop -1 -o json -f 'port {FIRST_PORT}'": command(f"{COLD} -f 'port {FIRST_PORT}'"),
    }
    if shutil.which("ss"):
        found["ss -tanoH"] = command("ss -tanoH")
    if shutil.which("netstat"):
        found[PIPELINE] = command(PIPELINE)
    found["cat /proc/net/tcp"] = command("cat /proc/net/tcp")
    found["psutil.net_connections"] = within(lambda: psutil.net_connections("tcp"))
    return found


def measure(count: int, rounds: int) -> Table:
    """In a namespace of one's own. Each round begins with the whole number of TIME_WAIT and nobody adds more."""
    with held(count) as level:
        every = contenders()
        for contender in every.values():
            contender(Runs())
        runs = {name: Runs() for name in every}
        present = []
        for _ in range(rounds):
            level.fill()
            present.append(time_waits())
            for name, contender in every.items():
                contender(runs[name])
        return Table(round(statistics.median(present)), rounds, runs)
