"""The pictures in screenshots/, which are what the tests expect too: `make screenshots` draws them anew.

The same bytes on every run and machine: no clock, no thread, no setting of the terminal, and pyproject.toml pins what
draws.
"""

import asyncio
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

from textual.events import Paste
from textual.widgets import Input

from tests import ROOT
from tests.support.at_rest import at_rest
from tests.support.load_stories import COMMANDS, NAMESPACES, NOTHING
from tests.support.monitor_pilot import key_event
from tests.support.screenshot_scenes import SCENES, Scene
from tests.support.sock_diag_dump import EPOCH
from tests.support.still_engine import Still
from twtop.frame.view import View
from twtop.model import Process
from twtop.processes.detail import ProcessDetail
from twtop.ui.app import TwtopApp
from twtop.ui.dialogs.namespaces import NetnsCatalog
from twtop.ui.kit.ascii import AsciiFilter

FOLDER = ROOT / "screenshots"
LATER_S = 7
"""What a clock beside the story would say, which only the age of a paused frame asks for."""

CATALOG = NetnsCatalog(lambda: NAMESPACES, lambda _: None, lambda _: partial(Still, NOTHING, ""))


def path(scene: Scene) -> Path:
    return FOLDER / f"{scene.name}.svg"


def picture(scene: Scene) -> str:
    """The screen as SVG, a line of the file for each piece of it."""
    with _stopped_clock(EPOCH + scene.story.seconds + LATER_S):
        drawn = asyncio.run(_draw(scene))
    named = re.sub(r"\bterminal-\d+", scene.name, drawn)  # a checksum: it would change every line with each change
    spaced = named.replace("<svg ", '<svg xml:space="preserve" ', 1)  # some viewers drop spaces at the begin of a piece
    return re.sub(r"(?<=>)(?=<(?:text|rect) )", "\n", spaced).strip() + "\n"


async def _draw(scene: Scene) -> str:
    with patch.dict(os.environ, {} if scene.colour else {"NO_COLOR": "1"}):
        filters = [AsciiFilter()] if scene.ascii else []
        app = TwtopApp(
            Still(scene.story, scene.fault, View(), 1.0), View(), 1.0, filters, CATALOG, read_process=_detail
        )
    app.theme, app.animation_level = scene.theme, "none"
    with patch.object(Input, "cursor_blink", False):
        async with app.run_test(size=scene.size):
            await at_rest(app)
            for key in shlex.split(scene.keys):
                app.post_message(Paste(key[1:]) if key.startswith(">") else key_event(key))
                await at_rest(app)
            await app.workers.wait_for_complete()
            await at_rest(app)
            return app.export_screenshot(title="twtop")


def _detail(process: Process) -> ProcessDetail:
    return ProcessDetail(process, False, "alice", COMMANDS[process], 68, 1024)


@contextmanager
def _stopped_clock(now: float) -> Iterator[None]:
    """The time of day stands still, in UTC."""
    zone = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        with patch("time.time", lambda: now):
            yield
    finally:
        if zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = zone
        time.tzset()


def main(into: str = str(FOLDER), *names: str) -> None:
    """Draw the scenes of these names, or all and remove what no scene draws any more."""
    folder = Path(into)
    folder.mkdir(exist_ok=True)
    for scene in SCENES:
        if not names or scene.name in names:
            (folder / path(scene).name).write_text(picture(scene), encoding="utf-8")
    if not names:
        for stray in set(folder.glob("*.svg")) - {folder / path(scene).name for scene in SCENES}:
            stray.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
