"""The app draws its scenes as screenshots/ has them, on every machine."""

import difflib
import os
import re
import subprocess
import sys
from collections import defaultdict
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from tests import ROOT
from tests.support.screenshot_scenes import SCENES, Scene
from tests.support.screenshots import FOLDER, path, picture

PIECE = re.compile(r'<text class="(?!\S+-title)[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
CELL = 12.2

ELSEWHERE = {
    "TZ": "Asia/Kathmandu",
    "LC_ALL": "tr_TR.UTF-8",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "COLUMNS": "33",
    "LINES": "7",
    "TEXTUAL_THEME": "textual-light",
    "TEXTUAL_FILTERS": "dim",
    "TEXTUAL_ANIMATIONS": "full",
    "TEXTUAL_DIM_FACTOR": "10",
    "PYTHONHASHSEED": "7",
}
"""Settings of another user on another machine."""


def words(svg: str) -> list[str]:
    """The lines of the picture as text."""
    lines: defaultdict[float, dict[int, str]] = defaultdict(dict)
    for x, y, piece in PIECE.findall(svg):
        lines[float(y)][round(float(x) / CELL)] = unescape(piece).replace("\xa0", " ")
    found = []
    for _, pieces in sorted(lines.items()):
        line = ""
        for x, piece in sorted(pieces.items()):
            line = line.ljust(x) + piece
        found.append(line)
    return found


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_screen_is_as_pictured(scene: Scene) -> None:
    expected, drawn = path(scene).read_text("utf-8"), picture(scene)
    if drawn != expected:
        changes = "\n".join(difflib.unified_diff(words(expected), words(drawn), "pictured", "drawn", lineterm="", n=1))
        pytest.fail(f"{path(scene).name} differs; 'make screenshots' draws it anew\n{changes or 'in colours alone'}")


@pytest.mark.slow
def test_pictures_are_the_same_elsewhere(tmp_path: Path) -> None:
    """In another process with other settings; scenes that a setting could reach."""
    names = ["monitor", "monitor-no-colour", "filter", "paused"]
    command = [sys.executable, "-m", "tests.support.screenshots", str(tmp_path), *names]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **ELSEWHERE, "HOME": str(tmp_path)}, check=True)
    drawn = {found.stem: found.read_text("utf-8") for found in tmp_path.glob("*.svg")}
    assert set(drawn) == set(names)
    assert [name for name in names if drawn[name] != (FOLDER / f"{name}.svg").read_text("utf-8")] == []


def test_every_picture_has_its_scene() -> None:
    assert {found.name for found in FOLDER.iterdir()} == {path(scene).name for scene in SCENES}


def test_scenes_have_names_of_their_own() -> None:
    names = sorted(scene.name for scene in SCENES)
    assert all(one != other for one, other in pairwise(names))
