"""`twtop explain`: the common claims about TIME_WAIT, compared with this machine's own numbers."""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from twtop.cli.batch import frames
from twtop.cli.output import DONE, UNREADABLE, complain, show
from twtop.dump.reading import LONG_S
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
    """Print what would help and the claims; the exit status."""
    try:
        frame = _settled(frames(source, view, options))
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    show(as_text(explained(_with_owners(frame))))
    return DONE


def _settled(frames: Iterator[Frame]) -> Frame:
    """The second frame, because rates need two.

    While a budget is full, only what fails tells what is asked for, and that is counted from now on. So it is the first
    frame after LONG_S of counting, over which rates are means.
    """
    counted_since: float | None = None
    for number, frame in enumerate(frames):
        worst, mono = frame.analysis.bottleneck, frame.snapshot.mono
        is_full = worst is not None and worst.full_in_s == 0
        failures = frame.analysis.reading.failures
        if is_full and failures is not None and failures.counting and counted_since is None:
            counted_since = mono
            complain(f"a port budget is full: counting for {LONG_S} s what fails", DONE)
        waits = mono - counted_since < LONG_S if is_full and counted_since is not None else number == 0
        if not waits:
            return frame
    raise AssertionError("frames never end")


def _with_owners(frame: Frame) -> Frame:
    """The frame, with the owners of its sockets where a leak is to be laid at somebody's door."""
    if not leaks(frame.analysis) or not frame.snapshot.is_searchable:
        return frame
    found = OwnerSearch(Search()).complete(frame.snapshot)
    return replace(frame, owners=OwnerTracker().assign(frame.snapshot.sockets, found))
