"""Arguments → source → view: the only place where everything meets."""

import argparse
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import NoReturn, TypeVar

from twtop import __version__
from twtop.decode import decode
from twtop.engine import Engine
from twtop.explain import as_text, explain
from twtop.frame import Frame, View
from twtop.groups import GroupBy
from twtop.history import History, fold
from twtop.ordering import GroupSort
from twtop.probe import CollectError
from twtop.processes import assign, socket_owners
from twtop.query import Everything, Query, needs_owners, parse
from twtop.query_parser import QueryError
from twtop.report import REPORTS, Report
from twtop.sources import open_local
from twtop.text import printable

Choice = TypeVar("Choice", bound=StrEnum)

DONE, UNREADABLE, USAGE = 0, 1, 2
FASTEST_S, SLOWEST_S = 0.1, 3600.0
LONGEST_COMPLAINT = 400


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run twtop and exit: 0 done, 1 the kernel could not be read, 2 bad usage."""
    options = _parser().parse_args(arguments)
    if options.once:
        options.batch, options.iterations = True, 1
    view = View(query=options.filter, group_by=options.group, group_sort=options.sort)
    if options.command is None and not options.batch:
        sys.exit(_monitor(view, options))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where there is no “–” to show, “?” says the same
    try:
        status = _batch(view, options) if options.command is None else _explain(view, options)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains while it exits
        gone = isinstance(error, BrokenPipeError)
        status = DONE if gone else _complain(f"cannot write the output: {error.strerror}", UNREADABLE)
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    sys.exit(status)


def _batch(view: View, options: argparse.Namespace) -> int:
    report: Report = REPORTS[options.output]
    try:
        for frame in islice(_frames(view, options), options.iterations):
            sys.stdout.write(report(frame, options.sockets))
            sys.stdout.flush()
    except CollectError as error:
        return _complain(str(error), UNREADABLE)
    return DONE


def _explain(view: View, options: argparse.Namespace) -> int:
    """Two samples, since rates are the difference between them."""
    try:
        _, frame = islice(_frames(view, options), 2)
    except CollectError as error:
        return _complain(str(error), UNREADABLE)
    sys.stdout.write(as_text(explain(frame)))
    return DONE


def _frames(view: View, options: argparse.Namespace) -> Iterator[Frame]:
    """A frame each `--delay`, without end."""
    read, history = open_local(), History()
    wants_owners = options.sockets or view.group_by is GroupBy.PROCESS or needs_owners(view.query)
    due = time.monotonic()
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        due = time.monotonic() + options.delay
        snapshot = decode(read())
        history.advance(snapshot)
        owners = assign(snapshot.sockets, socket_owners() if wants_owners else {})
        yield fold(history, snapshot, view, owners)


def _monitor(view: View, options: argparse.Namespace) -> int:
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # Textual draws on stderr
        return _complain("the monitor needs a terminal; for pipes and files use 'twtop -b' or 'twtop -1'", USAGE)
    from twtop.ui.app import TwtopApp  # takes 0.3 s, which batch output does without
    from twtop.ui.ascii import AsciiFilter

    app = TwtopApp(partial(Engine, open_local), view, options.delay, [AsciiFilter()] if options.ascii else [])
    app.run()
    return app.return_code or DONE


def _complain(message: str, status: int) -> int:
    print(f"twtop: {message}", file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """Errors are one line that says what to do."""

    def error(self, message: str) -> NoReturn:
        sys.exit(_complain(f"{printable(message, LONGEST_COMPLAINT)} (see 'twtop --help')", USAGE))


def _delay(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not FASTEST_S <= seconds <= SLOWEST_S:
        raise argparse.ArgumentTypeError(f"expected {FASTEST_S} to {SLOWEST_S:.0f} seconds, found {printable(text)!r}")
    return seconds


def _iterations(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text[:9]):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {printable(text)!r}")
    return int(text[:9])


def _filter(text: str) -> Query:
    try:
        return parse(text)
    except QueryError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    def read(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            names = ", ".join(choices)
            raise argparse.ArgumentTypeError(f"expected {names}; found {printable(text)!r}") from None

    return read


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="twtop",
        description="top for TIME_WAIT: who fills which port budget, when it is full or free, whether it matters.",
        epilog="Exit status: 0 done, 1 the kernel could not be read, 2 bad usage. Without -b or -1: the live monitor.",
    )
    add = parser.add_argument
    add("command", nargs="?", choices=("explain",), help="explain: what happens at this many TIME_WAIT, as text")
    add("-d", "--delay", "--interval", type=_delay, default=1.0, metavar="SECONDS", help="between samples (default 1)")
    add("-f", "--filter", type=_filter, default=Everything(), metavar="FILTER", help="such as 'port 443 and tw'")
    add("--group", type=_one_of(GroupBy), default=GroupBy.PEER, metavar="BY", help=f"{', '.join(GroupBy)}")
    add("--sort", type=_one_of(GroupSort), default=GroupSort.PORTS, metavar="COLUMN", help=f"{', '.join(GroupSort)}")
    add("-b", "--batch", action="store_true", help="print instead of drawing, until stopped")
    add("-n", "--iterations", type=_iterations, metavar="COUNT", help="with -b: stop after COUNT samples")
    add("-1", dest="once", action="store_true", help="the same as -b -n 1")
    add("-o", "--output", choices=tuple(REPORTS), default="text", help="form of batch output (default text)")
    add("--sockets", action="store_true", help="with -b: every single socket too")
    add("--ascii", action="store_true", help="draw with ASCII characters only")
    add("-V", "--version", action="version", version=f"twtop {__version__}")
    return parser
