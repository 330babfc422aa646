"""make fuzz: bytes that no kernel would send, against plain decoders of the same bytes. Status 1 if it finds something.

make fuzz ARGS="--minutes 1 --seed 7 filters procfs"
"""

import argparse
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT
from tests.fuzz.registry import NAMES, target
from tests.fuzz.replay import CORPUS, FOUND

TIMEOUT_S = 10
"""An input that takes longer hangs."""

MEMORY_MB = 2048
KEPT_BYTES = 32_000
"""What the inputs of a target that are kept may take together."""

RUNS = re.compile(r"Done (\d+) runs")
CAUSE = re.compile(r"^(?: === Uncaught Python exception: ===\n| *==\d+==ERROR: ?)(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    """How a target was tried."""

    name: str
    runs: int
    said: str
    status: int


def try_on(name: str, seconds: int, seed: int, grown: Path) -> Run:
    """Try bytes on a target for so long. New inputs of interest go to the folder `grown`, findings to the corpus."""
    kept, tried = CORPUS / name, target(name)
    found = kept / FOUND
    found.mkdir(parents=True, exist_ok=True)
    flags = [
        *(f"-max_total_time={seconds}", f"-seed={seed}", f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}"),
        *(f"-max_len={tried.most}", f"-artifact_prefix={found}/"),
    ]
    if tried.words:
        words = grown.with_suffix(".words")
        words.write_text("".join(f"{_quoted(word)}\n" for word in tried.words))
        flags.append(f"-dict={words}")
    engine = _engine(name, *flags, grown, kept)
    if not any(found.iterdir()):
        found.rmdir()
    runs = RUNS.search(engine.stdout)
    return Run(name, int(runs[1]) if runs else 0, engine.stdout, engine.returncode)


def _engine(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.engine", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0", "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _quoted(word: str) -> str:
    """As a dictionary of libFuzzer has it."""
    return '"' + "".join(c if c.isalnum() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in word) + '"'


def keep(name: str, grown: Path) -> None:
    """Take what `grown` reaches beyond the corpus into it: the smallest inputs first, up to KEPT_BYTES in all."""
    kept = CORPUS / name
    known = {path.read_bytes() for path in kept.iterdir() if path.is_file()}
    left = KEPT_BYTES - sum(map(len, known))
    with tempfile.TemporaryDirectory() as merged:
        _engine(name, "-set_cover_merge=1", f"-max_len={target(name).most}", merged, grown, kept)
        for data in sorted({path.read_bytes() for path in Path(merged).iterdir()} - known, key=len):
            left -= len(data)
            if left >= 0:
                (kept / hashlib.sha1(data).hexdigest()).write_bytes(data)


def _last_words(said: str) -> str:
    return "\n".join(line for line in said.splitlines() if not line.startswith(("INFO", "WARNING")))[-2000:]


def told(run: Run) -> Iterator[str]:
    """A line for the target, and what it takes to see a finding again."""
    if not run.status:
        yield f"    ok  {run.name}: {run.runs:,} inputs"
        return
    causes = CAUSE.findall(run.said)
    yield f"FOUND   {run.name}: {causes[0][:300] if causes else _last_words(run.said)}"
    for path in re.findall(r"Test unit written to (\S+)", run.said):
        yield f"        again: .venv/bin/python -m tests.fuzz.replay {Path(path).relative_to(ROOT)}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--minutes", type=float, default=10, help="in all, of every core (default 10)")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1 << 31), help="of a run to be repeated")
    parser.add_argument("--keep", action="store_true", help="take inputs that reach something new into the corpus")
    options = parser.parse_args(arguments)
    if unknown := {*options.targets} - {*NAMES}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    names = options.targets or [*NAMES]
    print(f"seed {options.seed}", flush=True)
    cores = min(len(names), os.cpu_count() or 1)
    seconds = max(1, round(60 * options.minutes * cores / len(names)))
    found = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cores) as pool:
        folders = {name: Path(folder) / name for name in names}
        for grown in folders.values():
            grown.mkdir()
        for run in pool.map(lambda name: try_on(name, seconds, options.seed, folders[name]), names):
            print("\n".join(told(run)), flush=True)
            found |= bool(run.status)
        if options.keep:
            for name in names:
                keep(name, folders[name])
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
