"""Arguments → source → view: starts what the user asked for, and loads no other subcommand."""

import argparse
import io
import sys
from collections.abc import Sequence
from typing import NoReturn

from twtop.cli.arguments import arguments
from twtop.cli.output import UNREADABLE, complain, printed
from twtop.frame.view import View
from twtop.runtime import interpreter, privileges
from twtop.runtime.privileges import Capability, PrivilegesError
from twtop.sources import netns
from twtop.sources.open_source import open_source
from twtop.sources.probe import CollectError
from twtop.sources.source import OpenSource


def main(given: Sequence[str] | None = None) -> NoReturn:
    """Run twtop and exit: 0 done, 1 the kernel could not be read, 2 bad usage."""
    if sys.stdout is None:  # closed by whoever started twtop
        sys.exit(complain("cannot write the output: it is closed", UNREADABLE))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an encoding without “–” shows “?”
    options = arguments(given)
    if options.once:
        interpreter.before_a_single_report()
    else:
        interpreter.once_loaded()
    if options.drop_privileges:
        try:
            privileges.become_ordinary()
        except PrivilegesError as error:
            sys.exit(complain(str(error), UNREADABLE))
    if options.command == "demo":
        from twtop.cli.demo import demo

        sys.exit(demo(options, _watch))
    sys.exit(_look(options))


def _look(options: argparse.Namespace) -> int:
    """Watch this network namespace, or the one that -N names; the exit status."""
    try:
        target = None if options.netns is None else netns.find(options.netns)
    except CollectError as error:
        return complain(str(error), UNREADABLE)
    if target is not None and (refusal := netns.refusal(target)):  # before the screen is taken over
        return complain(refusal, UNREADABLE)
    return _watch(open_source(options.source, target), options)


def _watch(source: OpenSource, options: argparse.Namespace) -> int:
    """Show one source as monitor, batch or explanation; the exit status."""
    view = View(query=options.filter, group_by=options.group, group_sort=options.sort)
    privileges.keep_only(_used(view, options))
    if options.command == "explain":
        from twtop.cli.explain import explain

        return printed(lambda: explain(source, view, options))
    if options.batch:
        from twtop.cli.batch import batch

        return printed(lambda: batch(source, view, options))
    from twtop.cli.monitor import monitor

    return monitor(source, view, options)


def _used(view: View, options: argparse.Namespace) -> set[Capability]:
    """The capabilities that this run may use. The monitor's keys reach every feature."""
    if options.drop_privileges:
        return set()
    explains = options.command == "explain"
    if not (options.batch or explains):
        return set(Capability)
    used = {Capability.DAC_READ_SEARCH, Capability.NET_ADMIN}
    if options.sockets or view.needs_owners or explains:
        used |= {Capability.SYS_PTRACE}
    if options.netns is not None:
        used |= {Capability.SYS_PTRACE, Capability.SYS_ADMIN}
    return used
