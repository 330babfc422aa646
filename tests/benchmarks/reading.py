"""One reading by twtop, timed in its parts: what a monitor does for each tick."""

from dataclasses import dataclass
from unittest.mock import patch

from tests.benchmarks.spans import Span, Stopwatch
from twtop.engine.pipeline import Pipeline
from twtop.frame.view import View
from twtop.model import Snapshot
from twtop.sources.decode import decode
from twtop.sources.open_source import open_local
from twtop.sources.probe import Request, Sample
from twtop.sources.source import OpenSource, Source

UNBOUNDED = 1e9
"""A CPU limit under which every tick reads the sockets."""

PARTS = ("dump", "decode", "analysis", "frame")


@dataclass(frozen=True, slots=True)
class Reading:
    """`whole` is the sum of `parts`, by their names. `bound` says whether it read bound sockets as well.

    `sockets` and `destinations` are how many it found.
    """

    whole: Span
    parts: dict[str, Span]
    bound: bool
    sockets: int
    destinations: int


class Reader:
    """A pipeline, as a monitor has it, that reads again and again. What it remembers is that of a monitor."""

    def __init__(self, open_source: OpenSource = open_local) -> None:
        self._pipeline = Pipeline(lambda: _Watched(open_source(), self), UNBOUNDED)
        self.watches = {part: Stopwatch() for part in PARTS}
        self.bound = False

    def read(self) -> Reading:
        """Read once. Analysis is what the rest of the tick takes."""
        self.watches, self.bound = {part: Stopwatch() for part in PARTS}, False
        with patch("twtop.engine.sampler.decode", self._decode), Stopwatch() as whole:
            with Stopwatch() as tick:
                sampled = self._pipeline.read(1.0)
            with self.watches["frame"]:
                self._pipeline.build(sampled, View())
        parts = {part: watch.span for part, watch in self.watches.items()}
        others = [parts["dump"], parts["decode"]]
        parts["analysis"] = Span(
            tick.cpu_s - sum(span.cpu_s for span in others), tick.wall_s - sum(span.wall_s for span in others)
        )
        found = sampled.analysis
        return Reading(whole.span, parts, self.bound, len(found.snapshot.sockets), len(found.destinations))

    def _decode(self, sample: Sample, before: Snapshot | None = None) -> Snapshot:
        with self.watches["decode"]:
            return decode(sample, before)


@dataclass
class _Watched:
    """A source whose dumps a reader times."""

    source: Source
    reader: Reader

    def read(self, request: Request) -> Sample:
        self.reader.bound |= request.reads_bound
        with self.reader.watches["dump"]:
            return self.source.read(request)
