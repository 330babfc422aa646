"""Samples → Frames in one call, as a run of twtop would fold them."""

from tests.holding import ByInode
from tests.sockdiag import Block, make_sample
from twtop.analysis import Analyst
from twtop.decode import decode
from twtop.frame import Frame, View
from twtop.history import History, fold
from twtop.holders import holders
from twtop.owners import Ledger
from twtop.probe import Sample
from twtop.query import parse

PLAIN = View()
NOBODY: ByInode = {}


def frames(*samples: Sample, view: View = PLAIN, owners: ByInode = NOBODY) -> list[Frame]:
    """One Frame for each sample, all with one history."""
    analyst, history, ledger, found = Analyst(), History(), Ledger(), []
    for sample in samples:
        analysis = analyst.analyse(decode(sample))
        history.advance(analysis.snapshot)
        known = ledger.assign(analysis.snapshot.sockets, holders(owners.items()))
        found.append(fold(history, analysis, view, known))
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
