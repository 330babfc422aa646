"""`twtop -b` and `-1`: a report on stdout at each interval."""

import argparse
import time
from collections.abc import Iterator
from itertools import islice

from twtop.cli.output import DONE, UNREADABLE, complain, show
from twtop.engine.glimpses import wanted
from twtop.engine.owner_search import OwnerSearch
from twtop.engine.pipeline import Pipeline
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.processes.attribution import hint
from twtop.processes.fd_search import Search
from twtop.processes.sightings import Sightings
from twtop.report.formats import REPORTS
from twtop.sources.probe import CollectError
from twtop.sources.source import OpenSource


def batch(source: OpenSource, view: View, options: argparse.Namespace) -> int:
    """Print as many reports as the options say; the exit status."""
    report = REPORTS[options.output]
    try:
        for frame in islice(frames(source, view, options), options.iterations):
            show(report(frame, options.sockets))
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    return DONE


def frames(source: OpenSource, view: View, options: argparse.Namespace) -> Iterator[Frame]:
    """A frame each `--delay` seconds, without end. Raises CollectError.

    The notice of the source, and a hint about hidden processes, are printed once on stderr.
    """
    pipeline = Pipeline(source, options.max_cpu)
    search = OwnerSearch(Search()) if options.sockets or view.needs_owners else None
    due, noticed, hinted = time.monotonic(), False, False
    frame: Frame | None = None
    sightings: Sightings = ()
    while True:
        sightings = _glimpse_until(due, pipeline, frame if search else None, sightings)
        due = time.monotonic() + options.delay
        sampled = pipeline.read(options.delay, view.query)
        snapshot = sampled.analysis.snapshot
        if snapshot.notice and not noticed:
            complain(snapshot.notice, DONE)
            noticed = True
        frame = pipeline.build(sampled, view, search.complete(snapshot) if search else None, sightings)
        if frame.owners.hidden and not hinted:
            complain(hint(frame.owners.hidden), DONE)
            hinted = True
        yield frame


def _glimpse_until(due: float, pipeline: Pipeline, frame: Frame | None, sightings: Sightings) -> Sightings:
    """Wait until then, and take the glimpses that the frame wants; all sightings that still count."""
    doubtful = wanted(frame, sightings) if frame else ()
    while (left := due - time.monotonic()) > 0:
        glimpse = pipeline.glimpse_due_in_s(doubtful)
        if frame and glimpse is not None and glimpse <= 0:
            sightings = pipeline.glimpse(doubtful)
            doubtful = wanted(frame, sightings)
        else:
            time.sleep(left if glimpse is None else min(left, glimpse))
    return sightings
