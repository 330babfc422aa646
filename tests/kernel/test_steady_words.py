"""Loads that fill a budget, for minutes: twtop's words change when the kernel's ports do, not back and forth."""

import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.in_namespace import heed_interrupts
from tests.support.word_flips import flips, spoken

SECONDS = 180
LOADS = {
    "client-closes": ["client-closes", "--ports", "32768-33767"],
    "mixed": ["mixed"],
    "bind-first": ["bind-first"],
}


def destination(tick: dict[str, Any], names: set[tuple[str, int]]) -> dict[str, Any] | None:
    """The first of these destinations in a reading."""
    every = (each for peer in tick["peers"] if peer["direction"] == "outbound" for each in peer["destinations"])
    return next((each for each in every if (each["remote"], each["port"]) in names), None)


CALLS = re.compile(r"connect\(\) ([\d,]+)/s done|([\d,]+)/s E[A-Z]+")
UNEVEN, BEGINNING_S, TRIES = 0.05, 5, 3


def was_steady(loads: list[str]) -> bool:
    """Whether each second had as many connect() calls as the others, by what the load says of itself.

    >>> was_steady(["mixed: connect() 500/s done, none failed"] * 9 + ["mixed: connect() 300/s done, 190/s EADDRINUSE"])
    True
    >>> was_steady(["mixed: connect() 500/s done, none failed"] * 9 + ["mixed: connect() 300/s done, none failed"])
    False
    """
    found = [sum(int(part.replace(",", "")) for call in CALLS.findall(text) for part in call if part) for text in loads]
    calls = found[BEGINNING_S:]
    middle = statistics.median(calls)
    return all(abs(count - middle) <= UNEVEN * middle + 1 for count in calls)


def played(folder: Path, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The readings of these loads, which run at the same time."""
    command = [sys.executable, "-m", "twtop", "demo", "-b", "-n", str(SECONDS), "-o", "json"]
    running = []
    for name in names:
        with (folder / name).open("wb") as told:
            running.append(subprocess.Popen([*command, *LOADS[name]], stdout=told, preexec_fn=heed_interrupts))
    for process in running:
        process.wait(timeout=2 * SECONDS)
    return {name: [json.loads(line) for line in (folder / name).read_text().splitlines()] for name in names}


@pytest.mark.slow
@pytest.mark.long
def test_no_word_flips_under_a_steady_load(tmp_path: Path) -> None:
    """Each load fills its budget within a minute, and fills it again when its ports come free.

    A busy machine makes an uneven load of a steady one, which is then played again.
    """
    ticks = dict[str, list[dict[str, Any]]]()
    for _ in range(TRIES):
        told = played(tmp_path, LOADS.keys() - ticks.keys())
        if not all(told.values()):
            pytest.skip("no namespace of one's own here")
        ticks |= {name: seen for name, seen in told.items() if was_steady([tick["load"] for tick in seen])}
    filled = {"client-closes": {("10.0.0.5", 443)}, "mixed": {("10.0.0.5", 443)}, "bind-first": {("10.0.0.5", 9000)}}
    for name, seen in ticks.items():
        rows = [row for tick in seen if (row := destination(tick, filled[name]))]
        full = [row["full"] for row in rows]
        said = spoken(tick["verdicts"][0]["text"] for tick in seen)
        assert len(rows) > SECONDS * 0.9
        assert flips(full) == [], name
        assert flips(said) == [], name
        assert "never" not in full[full.index("now") :], name
        asked = [row["asked_per_s"] for row in rows[20:]]
        assert min(asked) > 0.7 * max(asked), name
    if missing := LOADS.keys() - ticks.keys():
        pytest.skip(f"the machine is too busy for steady loads: {', '.join(sorted(missing))}")
