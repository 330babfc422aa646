"""`twtop explain`: the common claims about TIME_WAIT, compared with this machine's own numbers."""

import argparse
import sys
from dataclasses import replace
from itertools import islice

from twtop.cli.batch import frames
from twtop.cli.output import DONE, UNREADABLE, complain
from twtop.engine.owner_search import OwnerSearch
from twtop.explain.explanation import as_text
from twtop.explain.explanation import explain as explained
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.processes.attribution import OwnerTracker
from twtop.processes.fd_search import Search
from twtop.sources.probe import CollectError
from twtop.sources.source import OpenSource
from twtop.verdicts.fds import leaks


def explain(source: OpenSource, view: View, options: argparse.Namespace) -> int:
    """Print the claims for the second frame, because rates need two; the exit status."""
    try:
        _, frame = islice(frames(source, view, options), 2)
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    sys.stdout.write(as_text(explained(_with_owners(frame))))
    return DONE


def _with_owners(frame: Frame) -> Frame:
    """The frame, with the owners of its sockets where a leak is to be laid at somebody's door."""
    if not leaks(frame.analysis) or not frame.snapshot.is_searchable:
        return frame
    found = OwnerSearch(Search()).complete(frame.snapshot)
    return replace(frame, owners=OwnerTracker().assign(frame.snapshot.sockets, found))
