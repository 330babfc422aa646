"""An engine without threads and clocks, on which a story stands still: every view is answered at once."""

from copy import deepcopy
from functools import cache
from typing import NoReturn

from tests.support.built_frames import Run
from tests.support.load_stories import Story
from twtop.engine.engine import Engine, Subscriber
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.sources.probe import Request
from twtop.sources.source import ReadBy, Source

STEP_S = 10
"""How far a refresh goes on in the story."""


class StoryRun:
    """A run over a story, up to one of its seconds."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._run = Run(story.owners)
        self._second = 0

    def go_on(self, seconds: int, view: View) -> None:
        """A tick each second."""
        for _ in range(seconds):
            self._second += 1
            self._run.tick(self._story.sample(self._second))
            self._run.show(view)

    def show(self, view: View) -> Frame:
        """What is seen now."""
        return self._run.show(view)


@cache
def _told(story: Story, view: View) -> StoryRun:
    run = StoryRun(story)
    run.go_on(story.seconds, view)
    return run


class Still(Engine):
    """Tells its subscriber from whoever calls it. A refresh goes on in the story; with `fault` nothing can be read."""

    def __init__(self, story: Story, fault: str, view: View, interval: float) -> None:
        super().__init__(_no_source, view, interval)
        self._story, self._fault, self._view = story, fault, view
        self._run = deepcopy(_told(story, view))

    def subscribe(self, subscriber: Subscriber) -> None:
        self._listener = subscriber

    def start(self) -> None:
        if self._story.seconds:
            self.show(self._view)
        if self._fault:
            self._listener.on_fault(self._fault)

    def stop(self) -> None:
        """Nothing runs."""

    def show(self, view: View) -> None:
        self._view = view
        self._listener.on_frame(self._run.show(view))

    def refresh(self) -> None:
        self._run.go_on(STEP_S, self._view)
        self.show(self._view)


def _no_source() -> Source:
    def read(_: Request) -> NoReturn:
        raise NotImplementedError

    return ReadBy(read)
