"""What the engine's threads tell the screen."""

from textual.message import Message


class FrameReady(Message):
    """The engine's holder has a new Frame, unless it was taken for an earlier message."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, FrameReady)


class Fault(Message):
    """A tick brought no frame; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Defect(Message):
    """A thread of the engine raised an error that nobody expects, and has ended."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
