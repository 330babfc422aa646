"""The command line: every option, and errors that are one line and say what to do."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, NoReturn, TypeVar

from twtop import __version__
from twtop.cli.output import USAGE, complain, printed, show
from twtop.engine.sampler import MAX_CPU
from twtop.filter.query import Everything, Query
from twtop.frame.view import GroupBy, GroupSort
from twtop.report.formats import REPORTS
from twtop.sanitize import printable
from twtop.sources.open_source import AUTO, CHOICES

Choice = TypeVar("Choice", bound=StrEnum)

FASTEST_S, SLOWEST_S = 0.1, 3600.0
LONGEST_LOAD_S = 3600.0
LONGEST_COMPLAINT = 400
COUNT = re.compile("0*[1-9][0-9]{0,8}")
PORT_RANGE = re.compile("([0-9]{1,5})-([0-9]{1,5})")
FIRST_PORT = 1024
"""The kernel takes no lower one into the ephemeral range (ip_unprivileged_port_start)."""


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line, this process's own for None. On bad usage, print one line and exit with status 2."""
    words = sys.argv[1:] if given is None else given
    options = parser(words).parse_args(words)
    if options.command == "demo" and options.netns is not None:
        parser().error("the demo has a network namespace of its own: leave out -N")
    if options.drop_privileges and options.netns is not None:
        parser().error("-N needs what --drop-privileges gives up: use 'nsenter --net=PATH twtop --drop-privileges'")
    if options.command == "explain" and options.output != "text":
        parser().error("explain prints text only: leave out -o, or take the verdicts of 'twtop -1 -o json'")
    if options.once:
        options.batch, options.iterations = True, 1
    return options


class _Parser(argparse.ArgumentParser):
    """Prints errors as one line that says what to do."""

    def __init__(self, **options: Any) -> None:
        # Each option is formatted once as it is added; to ask for the terminal's width then takes 3 ms.
        super().__init__(**options, formatter_class=partial(argparse.HelpFormatter, width=0))

    def format_help(self) -> str:
        """The help, as wide as the terminal."""
        self.formatter_class = argparse.HelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        sys.exit(complain(f"{printable(message, LONGEST_COMPLAINT)} (see 'twtop --help')", USAGE))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """After --help and --version, whose text argparse has left in the buffer."""

        def flush() -> int:
            show(message or "")
            return status

        sys.exit(printed(flush))

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Refuse the `--` of `--filter=--`: Python before 3.13 drops it, and gives the option a list as its value."""
        if action.option_strings and arg_strings == ["--"]:
            raise argparse.ArgumentError(action, "expected one argument, found '--'")
        return super()._get_values(action, arg_strings)


def _number(text: str, low: float, high: float, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"expected {low:g} to {high:g} {unit}, found {printable(text)!r}")
    return value


def _delay(text: str) -> float:
    return _number(text, FASTEST_S, SLOWEST_S, "seconds")


def _share_of_cpu(text: str) -> float:
    return _number(text, 0.1, 100, "percent of one CPU") / 100


def _iterations(text: str) -> int:
    if not COUNT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 999,999,999, found {printable(text)!r}")
    return int(text.lstrip("0"))


def _filter(text: str) -> Query:
    from twtop.filter.parser import QueryError, parse

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


def _rate(text: str) -> float:
    return _number(text, 0.1, 100_000, "connections per second")


def _load_seconds(text: str) -> float:
    return _number(text, 1, LONGEST_LOAD_S, "seconds")


def _port_range(text: str) -> tuple[int, int]:
    match = PORT_RANGE.fullmatch(text)
    low, high = map(int, match.groups()) if match else (0, 0)
    if not FIRST_PORT <= low < high <= 65535:
        raise argparse.ArgumentTypeError(f"expected LOW-HIGH between {FIRST_PORT} and 65535, found {printable(text)!r}")
    return low, high


COMMANDS = "explain", "demo"


def parser(words: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the whole command line. The manual page and the completions are made from it too.

    A subcommand that is not among these words has no options: a report waits for what it needs alone.
    """
    top = _Parser(
        prog="twtop",
        description="top for TIME_WAIT: who fills which port budget, when it is full or free, whether it matters.",
        epilog="Exit status: 0 done, 1 the kernel could not be read, 2 bad usage. Without -b or -1: the live monitor.",
    )
    top.set_defaults(delay=1.0, filter=Everything(), group=GroupBy.PEER, sort=GroupSort.PORTS)
    top.set_defaults(output="text", source=AUTO, max_cpu=MAX_CPU)
    _add_common(top)
    top.add_argument("-V", "--version", action="version", version=f"twtop {__version__}")
    commands = top.add_subparsers(prog=top.prog, dest="command", metavar="COMMAND")
    explain = commands.add_parser(
        "explain",
        argument_default=argparse.SUPPRESS,
        help="what would help here, and what happens at this many TIME_WAIT, as text",
    )
    demo = commands.add_parser(
        "demo", argument_default=argparse.SUPPRESS, help="the same on a real load in a private network namespace"
    )
    _add_netns(top)
    if "explain" in words:
        _add_common(explain)
        _add_netns(explain)
    if "demo" in words:
        _add_common(demo)
        _add_demo(demo)
    return top


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-d", "--delay", "--interval", type=_delay, metavar="SECONDS", help="between samples (default 1)")
    add("-f", "--filter", type=_filter, metavar="FILTER", help="such as 'port 443 and tw'")
    groups = f"{', '.join(GroupBy)} (default peer)"
    add("--group", type=_one_of(GroupBy), choices=tuple(GroupBy), metavar="BY", help=groups)
    columns = f"{', '.join(GroupSort)} (default ports)"
    add("--sort", type=_one_of(GroupSort), choices=tuple(GroupSort), metavar="COLUMN", help=columns)
    add("-b", "--batch", action="store_true", help="print instead of drawing, until stopped")
    add("-n", "--iterations", type=_iterations, metavar="COUNT", help="with -b: stop after COUNT samples")
    add("-1", dest="once", action="store_true", help="the same as -b -n 1")
    add("-o", "--output", choices=tuple(REPORTS), help="form of batch output (default text)")
    add("--sockets", action="store_true", help="with -b: every single socket too")
    add("--source", choices=CHOICES, help="how sockets are read (default auto: the best that works)")
    add("--max-cpu", type=_share_of_cpu, metavar="PERCENT", help="of one CPU for reading sockets (default 10)")
    add("--budget", dest="max_cpu", type=_share_of_cpu, help=argparse.SUPPRESS)  # its name up to 0.1
    add("--ascii", action="store_true", help="draw with ASCII characters only")
    add("--drop-privileges", action="store_true", help="as root: go on as the user that called sudo, or as nobody")


def _add_netns(parser: argparse.ArgumentParser) -> None:
    names = "another network namespace: a name of 'ip netns', the pid of a process in it, or a path"
    parser.add_argument("-N", "--netns", metavar="NAME|PID|PATH", help=names)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    from twtop.demo.scenarios import BY_NAME, DEFAULT  # with all that makes a load

    parser.set_defaults(scenario=DEFAULT, rate=None, seconds=600.0, ports=None, list=False)
    add = parser.add_argument
    add("scenario", nargs="?", choices=tuple(BY_NAME), default=DEFAULT, metavar="SCENARIO", help="see --list")
    add("--list", action="store_true", help="name the scenarios and what each shows")
    add("--rate", type=_rate, metavar="PER_SECOND", help="connections per second (each scenario has its own)")
    add("--seconds", type=_load_seconds, help="how long the load lasts (default 600)")
    add("--ports", type=_port_range, metavar="LOW-HIGH", help="the ephemeral range (each scenario has its own)")
