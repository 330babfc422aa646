"""The engine that the screen draws from, and what the user wants of it."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual.message import Message

from twtop.engine.engine import Engine, Subscriber
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.ui.messages import Defect, Fault, FrameReady

INTERVALS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds from one reading to the next, as `+` and `-` step through them."""

MakeEngine = Callable[[View, float], Engine]
"""(view, interval in seconds) → an engine that has not been started."""


class EngineHolder:
    """Holds one engine at a time, and posts what it tells as messages.

    `view`, `interval` in seconds and `paused` are what the engine was asked for last. The next engine begins with the
    same view, without its baseline, and the same interval.
    """

    def __init__(self, engine: Engine, view: View, interval: float, post_message: Callable[[Message], object]) -> None:
        self.view = view
        self.interval = interval
        self.paused = False
        self._post_message = post_message
        self._engine = engine
        self._frames: deque[Frame] = deque(maxlen=1)

    def _subscribe(self) -> None:
        """Let the engine's threads post messages."""
        post, frames = self._post_message, self._frames

        def keep(frame: Frame) -> None:
            frames.append(frame)
            post(FrameReady())

        self._engine.subscribe(
            Subscriber(keep, lambda reason: post(Fault(reason)), lambda error: post(Defect(error))),
        )

    def take_frame(self) -> Frame | None:
        """The latest frame, once; None if it has been taken.

        While the screen is busy, this one alone waits for it: a frame may hold hundreds of thousands of sockets.
        """
        return self._frames.pop() if self._frames else None

    def start(self) -> None:
        """Start the engine, unless it runs, and post what it has told and tells.

        Not before the screen is mounted: until then Textual refuses messages of other threads.
        """
        self._subscribe()
        self._engine.start()

    def stop(self) -> None:
        """May take a second: not for the thread that draws, unless that ends anyway."""
        self._engine.stop()

    def go_on_with(self, make_engine: MakeEngine) -> None:
        """Go on with another engine, which is not paused. The one before it has been stopped."""
        self.paused = False
        self.view = replace(self.view, baseline=False)
        self._frames.clear()
        self._engine = make_engine(self.view, self.interval)
        self._subscribe()
        self._engine.start()

    def show(self, **parts: Any) -> None:
        """Ask for another view; `parts` are the fields that differ."""
        self.view = replace(self.view, **parts)
        self._engine.show(self.view)

    def pause(self, paused: bool) -> None:
        self.paused = paused
        self._engine.pause(paused)

    def refresh(self) -> None:
        """Read the sockets now, paused or not."""
        self._engine.refresh()

    def slower(self) -> None:
        self._set_interval(min((each for each in INTERVALS if each > self.interval), default=INTERVALS[-1]))

    def faster(self) -> None:
        self._set_interval(max((each for each in INTERVALS if each < self.interval), default=INTERVALS[0]))

    def _set_interval(self, seconds: float) -> None:
        self.interval = seconds
        self._engine.set_interval(seconds)
