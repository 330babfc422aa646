"""What the engine's threads tell the screen."""

from textual.message import Message

from twtop.frame.frame import Frame


class FrameReady(Message):
    """A new Frame. It replaces one that has not been drawn yet."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame

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
