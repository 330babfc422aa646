"""Samples → Frames, as a run of twtop builds them."""

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
"""A CPU limit that no reading comes near: the sockets are read at every tick."""


class Run:
    """A pipeline whose source is handed each sample by the test; `sampled` is the last tick."""

    sampled: Sampled

    def __init__(self, owners: ByInode = NOBODY) -> None:
        self._pipeline = Pipeline(lambda: ReadBy(self._read), UNBOUNDED)
        self._found = holders(owners.items())

    def tick(self, sample: Sample) -> None:
        """One more tick, without a frame of it."""
        self._next = sample
        self.sampled = self._pipeline.read(1.0)

    def show(self, view: View = PLAIN) -> Frame:
        """A frame of the last tick."""
        return self._pipeline.build(self.sampled, view, self._found)

    def _read(self, _: Request) -> Sample:
        return self._next


def frames(*samples: Sample, view: View = PLAIN, owners: ByInode = NOBODY) -> list[Frame]:
    """One Frame for each sample of a run."""
    run, found = Run(owners), []
    for sample in samples:
        run.tick(sample)
        found.append(run.show(view))
    return found


def frame(*blocks: Block, view: View = PLAIN, owners: ByInode = NOBODY) -> Frame:
    """The first Frame of a run, on a fresh kernel with these sockets."""
    return frames(make_sample(*blocks), view=view, owners=owners)[0]


def filtered(text: str) -> View:
    """The peers that this filter leaves.

    >>> filtered("").query
    Everything()
    """
    return View(query=parse(text))
