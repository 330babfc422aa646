"""An engine that reads its first sockets while the screen is still being loaded."""

import threading
from collections.abc import Callable
from typing import Any

from twtop.engine.engine import Engine
from twtop.frame.view import View

Hear = Callable[[Any], object]


class HeadStart:
    """Starts the engine at once; calling it hands that engine over, and then all that it has said so far.

    Has the shape of what makes an engine: (view, interval, on_frame, on_fault, on_defect), the first two as before.
    """

    def __init__(self, make_engine: Callable[..., Engine], view: View, interval: float) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Hear, ...] | None = None
        self._said: list[tuple[int, object]] = []
        self._engine = make_engine(view, interval, *(self._hear(number) for number in range(3)))
        self._engine.start()

    def __call__(self, _view: View, _interval: float, *listeners: Hear) -> Engine:
        with self._lock:
            self._listeners = listeners
            for number, news in self._said:
                listeners[number](news)
        return self._engine

    def _hear(self, number: int) -> Hear:
        def hear(news: object) -> None:
            with self._lock:
                if self._listeners is None:
                    self._said.append((number, news))
                else:
                    self._listeners[number](news)

        return hear
