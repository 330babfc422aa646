"""make soak: the monitor for an hour at 300,000 sockets, with a user who is never done. Status 1 if it is not flat.

make soak ARGS="--minutes 15 --sockets 100000 --seed 7"
"""

import argparse
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.benchmarks.__main__ import machine
from tests.soak.hands import Hands
from tests.soak.judgement import Noted, judge
from tests.soak.load import neighbours, sockets
from tests.soak.terminal import Monitor
from tests.support.in_namespace import run_in_namespace

MORE_S = 900
"""For the load to stand up, beside the time of the run."""

SETTLE_S = 1.5
"""How long after an act the monitor is as it was."""

SAY_S = 60


def soak(seed: int, count: int, churn: int, seconds: float) -> bool:
    """In a namespace of its own: whether all was as it must be. Says so in lines."""
    with sockets(count, churn), neighbours(seed, most=6) as vanished, tempfile.TemporaryDirectory() as folder:
        with closing(Monitor(Path(folder))) as monitor:
            monitor.until_shown("● live")
            say(f"{stand():,} sockets")
            hands, noted, start = Hands(monitor, seed), [], time.monotonic()
            said = 0.0
            while (at := time.monotonic() - start) < seconds:
                hands.act()
                time.sleep(SETTLE_S)
                noted.append(Noted(time.monotonic() - start, monitor.holding()))
                if at >= said + SAY_S:
                    said = at
                    say(f"{at / 60:5.1f} min  {noted[-1].holding}  {sum(hands.done.values())} acts")
            monitor.type(b"q")
            status = monitor.status()
        acts = ", ".join(f"{number} × {name}" for name, number in hands.done.items())
        say(f"{acts}; {vanished()} namespaces vanished; {stand():,} sockets")
        lines = [*judge(noted, monitor.frames.gaps, seconds)]
        for line in lines:
            say(f"{'ok' if line.good else 'NOT OK':>6}  {line.text}")
        ended = not status and b"Traceback" not in monitor.drawn
        if not ended:
            say(f"NOT OK  the monitor ended with status {status}\n{monitor.text}")
        return ended and all(line.good for line in lines)


def stand() -> int:
    """How many TCP sockets this namespace has, requests and bound ones left out (sockstat_seq_show)."""
    words = Path("/proc/self/net/sockstat").read_text().partition("TCP:")[2].split()
    return int(words[words.index("inuse") + 1]) + int(words[words.index("tw") + 1])


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--sockets", type=int, default=300_000)
    parser.add_argument("--churn", type=int, help="connections per second (default 1500, less if the sockets are few)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of a run to be repeated")
    options = parser.parse_args()
    churn = options.churn or min(1500, options.sockets // 150)
    say(
        f"seed {options.seed}: make soak ARGS='--minutes {options.minutes:g} --sockets {options.sockets}"
        f" --churn {churn} --seed {options.seed}'"
    )
    say(f"{machine()}.")
    seconds = 60 * options.minutes
    good = run_in_namespace(lambda: soak(options.seed, options.sockets, churn, seconds), seconds + MORE_S)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
