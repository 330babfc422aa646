"""Arguments → source → view: the only place where everything meets."""

import argparse
import gc
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NoReturn

from twtop.cli.arguments import USAGE, arguments, complain
from twtop.demo.lab import Lab, Plan
from twtop.demo.private_netns import NamespaceRefused
from twtop.demo.scenarios import BY_NAME, SCENARIOS
from twtop.engine.engine import Engine
from twtop.engine.head_start import HeadStart
from twtop.engine.sampler import Sampler
from twtop.explain.claims import as_text, explain
from twtop.frame.build import build_frame
from twtop.frame.frame import Frame
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.model import Namespace, Owners
from twtop.processes.attribution import OwnerTracker, hint
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import holders
from twtop.report.formats import REPORTS, Report
from twtop.runtime import share_one_pool
from twtop.sources import netns
from twtop.sources.netns_listing import list_namespaces
from twtop.sources.open_source import OpenSource
from twtop.sources.open_source import open_source as open_source_of
from twtop.sources.probe import CollectError

DONE, UNREADABLE = 0, 1

SWITCH_S = 0.001
"""The screen's thread waits so long at most for one that computes to let it on; Python's own 5 ms add up in a key."""


def main(given: Sequence[str] | None = None) -> NoReturn:
    """Run twtop and exit: 0 done, 1 the kernel could not be read, 2 bad usage."""
    if sys.stdout is None:  # closed by whoever started twtop
        sys.exit(complain("cannot write the output: it is closed", UNREADABLE))
    options = arguments(given)
    if not options.once:
        gc.enable()
    sys.exit(_demo(options) if options.command == "demo" else _look(options))


def _look(options: argparse.Namespace) -> int:
    """Watch this network namespace, or the one that -N names."""
    try:
        place = None if options.netns is None else netns.find(options.netns)
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    if place is not None and (refusal := netns.refusal(place)):  # before the screen is taken over
        return complain(refusal, UNREADABLE)
    return _watch(open_source_of(options.source, place), options)


def _watch(open_source: OpenSource, options: argparse.Namespace) -> int:
    """Monitor, batch or explanation of one source."""
    view = View(query=options.filter, group_by=options.group, group_sort=options.sort)
    if options.command != "explain" and not options.batch:
        return _monitor(open_source, view, options)
    printed = _explain if options.command == "explain" else _batch
    return _printed(lambda: printed(open_source, view, options))


def _printed(work: Callable[[], int]) -> int:
    """The status of work that prints; its own where the output cannot be written, none where nobody reads on."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where there is no “–” to show, “?” says the same
    try:
        status = work()
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains while it exits
        gone = isinstance(error, BrokenPipeError)
        return DONE if gone else complain(f"cannot write the output: {error.strerror}", UNREADABLE)
    return status


def _demo(options: argparse.Namespace) -> int:
    if options.list:
        return _printed(_list_scenarios)
    scenario = BY_NAME[options.scenario]
    plan = Plan(scenario, options.rate or scenario.rate, options.seconds, options.ports or scenario.ports)
    try:
        lab = Lab(plan)
    except NamespaceRefused as error:
        return complain(str(error), UNREADABLE)
    try:
        lab.wait_for_load()
        return _watch(partial(lab.open, open_source_of(options.source)), options)
    finally:
        lab.close()


def _list_scenarios() -> int:
    width = max(map(len, BY_NAME))
    print("\n".join(f"{scenario.name:<{width}}  {scenario.tells}" for scenario in SCENARIOS))
    return DONE


def _batch(open_source: OpenSource, view: View, options: argparse.Namespace) -> int:
    report: Report = REPORTS[options.output]
    try:
        for frame in islice(_frames(open_source, view, options), options.iterations):
            sys.stdout.write(report(frame, options.sockets))
            sys.stdout.flush()
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    return DONE


def _explain(open_source: OpenSource, view: View, options: argparse.Namespace) -> int:
    """Two samples, since rates are the difference between them."""
    try:
        _, frame = islice(_frames(open_source, view, options), 2)
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    sys.stdout.write(as_text(explain(frame)))
    return DONE


def _frames(open_source: OpenSource, view: View, options: argparse.Namespace) -> Iterator[Frame]:
    """A frame each `--delay`, without end."""
    sampler, history = Sampler(open_source(), options.budget), History()
    search, tracker, wants_owners = Search(), OwnerTracker(), options.sockets or view.needs_owners
    due, told, hinted = time.monotonic(), False, False
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        due = time.monotonic() + options.delay
        analysis = sampler.tick(options.delay, view.query)
        if analysis.snapshot.notice and not told:
            complain(analysis.snapshot.notice, DONE)
            told = True
        history.advance(analysis.snapshot)
        sockets, told_holders = analysis.snapshot.sockets, analysis.snapshot.holders
        if wants_owners and told_holders is None and time.monotonic() >= search.rested_at:
            search.want(sockets.inode)
            search.finish()
        held = search.holders if told_holders is None else holders(told_holders.items())
        owners = tracker.assign(sockets, held) if wants_owners else Owners.unknown(sockets)
        if owners.hidden and not hinted:
            complain(hint(owners.hidden), DONE)
            hinted = True
        yield build_frame(history, analysis, view, owners)


def _monitor(open_source: OpenSource, view: View, options: argparse.Namespace) -> int:
    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # Textual draws on stderr
        return complain("the monitor needs a terminal; for pipes and files use 'twtop -b' or 'twtop -1'", USAGE)
    make_engine = partial(Engine, budget=options.budget)
    # A key waits for 4 ms at most to be painted, and not for 16; a screen at rest paints nothing.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    sys.setswitchinterval(SWITCH_S)
    share_one_pool()
    early = HeadStart(partial(make_engine, open_source), view, options.delay)
    from twtop.ui.app import TwtopApp
    from twtop.ui.dialogs.namespaces import NetnsCatalog
    from twtop.ui.kit.ascii import AsciiFilter
    from twtop.ui.theme_file import ThemeFile

    home = open_source if options.netns is None else open_source_of(options.source)

    def engine(place: Namespace) -> Callable[..., Engine]:
        return partial(make_engine, open_source_of(options.source, place.target) if place.target else home)

    def refusal(place: Namespace) -> str | None:
        return netns.refusal(place.target) if place.target else None

    filters = [AsciiFilter()] if options.ascii else []
    catalog = NetnsCatalog(list_namespaces, refusal, engine)
    app = TwtopApp(early, view, options.delay, filters, catalog, ThemeFile.of_user())
    app.run()
    return app.return_code or DONE
