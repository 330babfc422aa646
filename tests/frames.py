"""Samples → Frames in one call, as a run of twtop would fold them."""

from collections.abc import Mapping

from tests.sockdiag import Block, make_sample
from twtop.analysis import Analyst
from twtop.decode import decode
from twtop.frame import Frame, View
from twtop.history import History, fold
from twtop.model import Process
from twtop.probe import Sample
from twtop.processes import assign
from twtop.query import parse

Owners = Mapping[int, Process]
"""Socket inode → process."""

PLAIN = View()
NOBODY: Owners = {}


def frames(*samples: Sample, view: View = PLAIN, owners: Owners = NOBODY) -> list[Frame]:
    """One Frame for each sample, all with one history."""
    analyst, history, found = Analyst(), History(), []
    for sample in samples:
        analysis = analyst.analyse(decode(sample))
        history.advance(analysis.snapshot)
        found.append(fold(history, analysis, view, assign(analysis.snapshot.sockets, owners)))
    return found


def frame(*blocks: Block, view: View = PLAIN, owners: Owners = NOBODY) -> Frame:
    """The first Frame of a run, on a fresh kernel with these sockets."""
    return frames(make_sample(*blocks), view=view, owners=owners)[0]


def filtered(text: str) -> View:
    """The peers that this filter leaves.

    >>> filtered("").query
    Everything()
    """
    return View(query=parse(text))
