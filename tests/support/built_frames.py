"""Samples → Frames in one call, as a run of twtop would fold them."""

from tests.support.known_owners import ByInode
from tests.support.sock_diag_dump import Block, make_sample
from twtop.analysis.analysis import Analyst
from twtop.filter.parser import parse
from twtop.frame.build import build_frame
from twtop.frame.frame import Frame
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.processes.attribution import OwnerTracker
from twtop.processes.inode_map import holders
from twtop.sources.decode import decode
from twtop.sources.probe import Sample

PLAIN = View()
NOBODY: ByInode = {}


def frames(*samples: Sample, view: View = PLAIN, owners: ByInode = NOBODY) -> list[Frame]:
    """One Frame for each sample, all with one history."""
    analyst, history, tracker, found = Analyst(), History(), OwnerTracker(), []
    for sample in samples:
        analysis = analyst.analyse(decode(sample))
        history.advance(analysis.snapshot)
        known = tracker.assign(analysis.snapshot.sockets, holders(owners.items()))
        found.append(build_frame(history, analysis, view, known))
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
