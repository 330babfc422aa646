"""`twtop demo`: a real load in a private network namespace, and a view of it."""

import argparse
from collections.abc import Callable
from functools import partial

from twtop.cli.output import DONE, UNREADABLE, complain, printed, show
from twtop.demo.lab import Lab, LoadRefused, Plan
from twtop.demo.private_netns import NamespaceRefused
from twtop.demo.scenarios import BY_NAME, SCENARIOS
from twtop.sources.open_source import open_source
from twtop.sources.source import OpenSource

Watch = Callable[[OpenSource, argparse.Namespace], int]
"""Shows one source as the options say, and returns the exit status."""


def demo(options: argparse.Namespace, watch: Watch) -> int:
    """Run a scenario while `watch` shows it, or list all scenarios; the exit status."""
    if options.list:
        return printed(_list_scenarios)
    scenario = BY_NAME[options.scenario]
    plan = Plan(scenario, options.rate or scenario.rate, options.seconds, options.ports or scenario.ports)
    try:
        lab = Lab(plan)
        lab.wait_for_load()
    except (NamespaceRefused, LoadRefused) as error:
        return complain(str(error), UNREADABLE)
    try:
        return watch(partial(lab.open, open_source(options.source)), options)
    finally:
        lab.close()


def _list_scenarios() -> int:
    width = max(map(len, BY_NAME))
    show("".join(f"{scenario.name:<{width}}  {scenario.shows}\n" for scenario in SCENARIOS))
    return DONE
