"""An engine without threads and clocks, on which a story stands still: every view is answered at once."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import NoReturn

from tests.support.load_stories import Story
from twtop.analysis.analysis import Analysis, Analyst
from twtop.engine.engine import Engine
from twtop.frame.build import build_frame
from twtop.frame.frame import Frame
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.processes.attribution import OwnerTracker
from twtop.processes.inode_map import holders
from twtop.sources.decode import decode
from twtop.sources.open_source import Source
from twtop.sources.probe import Request

STEP_S = 10
"""How far a refresh goes on in the story."""


class RecentDumps:
    """A story up to one of its seconds."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._analyst, self._history, self._ledger = Analyst(), History(), OwnerTracker()
        self._holders = holders(story.owners.items())
        self._second = 0
        self._latest: Analysis | None = None

    def go_on(self, seconds: int, view: View) -> None:
        """A tick each second."""
        for _ in range(seconds):
            self._second += 1
            self._latest = self._analyst.analyse(decode(self._story.sample(self._second)))
            self._history.advance(self._latest.snapshot)
            self.build_frame(view)

    def build_frame(self, view: View) -> Frame:
        """What is seen now."""
        assert self._latest is not None
        owners = self._ledger.assign(self._latest.snapshot.sockets, self._holders)
        return build_frame(self._history, self._latest, view, owners)


@cache
def _told(story: Story, view: View) -> RecentDumps:
    past = RecentDumps(story)
    past.go_on(story.seconds, view)
    return past


class Still(Engine):
    """Calls back from whoever calls it. A refresh goes on in the story; with `fault` the kernel cannot be read now."""

    def __init__(
        self,
        story: Story,
        fault: str,
        view: View,
        interval: float,
        on_frame: Callable[[Frame], object],
        on_fault: Callable[[str], object],
        on_defect: Callable[[Exception], object],
    ) -> None:
        super().__init__(_no_source, view, interval, on_frame, on_fault, on_defect)
        self._story, self._fault, self._view = story, fault, view
        self._past = deepcopy(_told(story, view))

    def start(self) -> None:
        if self._story.seconds:
            self.show(self._view)
        if self._fault:
            self._on_fault(self._fault)

    def stop(self) -> None:
        """Nothing runs."""

    def show(self, view: View) -> None:
        self._view = view
        self._on_frame(self._past.build_frame(view))

    def refresh(self) -> None:
        self._past.go_on(STEP_S, self._view)
        self.show(self._view)


def _no_source() -> Source:
    def read(_: Request) -> NoReturn:
        raise NotImplementedError

    return read
