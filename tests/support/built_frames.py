"""Samples → Frames, built as in a run of twtop."""

from tests.support.known_owners import ByInode
from tests.support.sock_diag_dump import Block, make_sample
from twtop.engine.pipeline import Pipeline
from twtop.engine.sampler import Sampled
from twtop.filter.parser import parse
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.processes.inode_map import holders
from twtop.sources.probe import Request, Sample
from twtop.sources.source import ReadBy

PLAIN = View()
NOBODY: ByInode = {}
UNBOUNDED = 1e9
"""A CPU limit that no dump reaches, so that sockets are read at every tick."""


class Run:
    """A pipeline to which the test gives each sample. `sampled` is the last tick."""

    sampled: Sampled

    def __init__(self, owners: ByInode = NOBODY) -> None:
        self._pipeline = Pipeline(lambda: ReadBy(self._read), UNBOUNDED)
        self._found = holders(owners.items())

    def tick(self, sample: Sample) -> None:
        """Read one more tick from this sample, without building a frame."""
        self._next = sample
        self.sampled = self._pipeline.read(1.0)

    def show(self, view: View = PLAIN) -> Frame:
        """Build a frame of the last tick."""
        return self._pipeline.build(self.sampled, view, self._found)

    def _read(self, _: Request) -> Sample:
        return self._next


def frames(*samples: Sample, view: View = PLAIN, owners: ByInode = NOBODY) -> list[Frame]:
    """A frame of each sample of one run."""
    run, found = Run(owners), []
    for sample in samples:
        run.tick(sample)
        found.append(run.show(view))
    return found


def frame(*blocks: Block, view: View = PLAIN, owners: ByInode = NOBODY) -> Frame:
    """The first frame of a run, of these sockets."""
    return frames(make_sample(*blocks), view=view, owners=owners)[0]


def filtered(text: str) -> View:
    """A view of the peers under this filter.

    >>> filtered("").query
    Everything()
    """
    return View(query=parse(text))
