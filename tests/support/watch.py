"""twtop's frames of this namespace, as often as a test asks for them."""

from tests.support.built_frames import UNBOUNDED
from tests.support.in_namespace import wait_until
from twtop.engine.pipeline import Pipeline
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.sources.open_source import open_local
from twtop.verdicts.verdict import Level, Verdict


class Watch:
    """A run of twtop in this thread."""

    def __init__(self) -> None:
        self._pipeline = Pipeline(open_local, UNBOUNDED)

    def frame(self) -> Frame:
        return self._pipeline.build(self._pipeline.read(1.0), View())

    def until(self, verdict: str, level: Level) -> Frame:
        """The first frame in which a verdict has this level."""

        def look() -> Frame | None:
            frame = self.frame()
            return frame if verdict_of(frame, verdict).level is level else None

        return wait_until(look, 30, f"{verdict}: {level}")


def verdict_of(frame: Frame, verdict: str) -> Verdict:
    return next(each for each in frame.verdicts if each.id == verdict)
