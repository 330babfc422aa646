"""`twtop` on a terminal: the live monitor."""

import argparse
import sys
from functools import partial

from twtop.cli.output import DONE, USAGE, complain
from twtop.engine.engine import Engine
from twtop.frame.view import View
from twtop.namespaces import Netns
from twtop.runtime import interpreter
from twtop.sources import netns
from twtop.sources.netns_listing import list_namespaces
from twtop.sources.open_source import open_source
from twtop.sources.source import OpenSource


def monitor(source: OpenSource, view: View, options: argparse.Namespace) -> int:
    """Run the monitor until the user quits; the exit status. The engine reads while the screen is being loaded."""
    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # Textual draws on stderr
        return complain("the monitor needs a terminal; for pipes and files use 'twtop -b' or 'twtop -1'", USAGE)
    interpreter.before_the_screen()
    engine = Engine(source, view, options.delay, options.max_cpu)
    engine.start()
    from twtop.ui.app import TwtopApp  # takes 0.3 s, which batch output does without
    from twtop.ui.dialogs.namespaces import NetnsCatalog
    from twtop.ui.kit.ascii import AsciiFilter
    from twtop.ui.theme_file import ThemeFile

    home = source if options.netns is None else open_source(options.source)

    def engine_of(namespace: Netns) -> partial[Engine]:
        there = open_source(options.source, namespace.target) if namespace.target else home
        return partial(Engine, there, max_cpu=options.max_cpu)

    def refusal(namespace: Netns) -> str | None:
        return netns.refusal(namespace.target) if namespace.target else None

    filters = [AsciiFilter()] if options.ascii else []
    catalog = NetnsCatalog(list_namespaces, refusal, engine_of)
    app = TwtopApp(engine, view, options.delay, filters, catalog, ThemeFile.of_user())
    app.run()
    return app.return_code or DONE
