"""Loads that fill a budget, for minutes: twtop's words change when the kernel's ports do, not back and forth."""

import json
import subprocess
import sys
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


@pytest.mark.slow
@pytest.mark.long
def test_no_word_flips_under_a_steady_load(tmp_path: Path) -> None:
    """Each load fills its budget within a minute, and fills it again when its ports come free."""
    command = [sys.executable, "-m", "twtop", "demo", "-b", "-n", str(SECONDS), "-o", "json"]
    running = []
    for name, arguments in LOADS.items():
        with (tmp_path / name).open("wb") as told:
            running.append(subprocess.Popen([*command, *arguments], stdout=told, preexec_fn=heed_interrupts))
    for process in running:
        process.wait(timeout=2 * SECONDS)
    ticks = {name: [json.loads(line) for line in (tmp_path / name).read_text().splitlines()] for name in LOADS}
    filled = {"client-closes": {("10.0.0.5", 443)}, "mixed": {("10.0.0.5", 443)}, "bind-first": {("10.0.0.5", 9000)}}
    for name, seen in ticks.items():
        if not seen:
            pytest.skip("no namespace of one's own here")
        rows = [row for tick in seen if (row := destination(tick, filled[name]))]
        full = [row["full"] for row in rows]
        said = spoken(tick["verdicts"][0]["text"] for tick in seen)
        assert len(rows) > SECONDS * 0.9
        assert flips(full) == [], name
        assert flips(said) == [], name
        assert "never" not in full[full.index("now") :], name
        asked = [row["asked_per_s"] for row in rows[20:]]
        assert min(asked) > 0.7 * max(asked), name
