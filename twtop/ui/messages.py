"""What the engine's threads tell the screen."""

from collections.abc import Callable

from textual.message import Message

from twtop.engine.engine import Engine
from twtop.frame.frame import Frame
from twtop.model import Namespace


class FrameReady(Message):
    """A new Frame; one that was not drawn yet gives way to it."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, FrameReady)


class Fault(Message):
    """A tick brought no frame, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Moved(Message):
    """The engine of before has ended; this one makes another, of another network namespace."""

    def __init__(self, place: Namespace, make_engine: Callable[..., Engine]) -> None:
        super().__init__()
        self.place = place
        self.make_engine = make_engine


class Refused(Message):
    """That namespace cannot be entered, and why."""

    def __init__(self, place: Namespace, reason: str) -> None:
        super().__init__()
        self.place = place
        self.reason = reason


class Defect(Message):
    """The engine raised what it never should."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
