"""What the engine's threads tell the screen."""

from textual.message import Message

from twtop.frame import Frame


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


class Defect(Message):
    """The engine raised what it never should."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
