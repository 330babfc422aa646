"""`twtop demo`: a real load in a private network namespace, and a view of it."""

import argparse
from collections.abc import Callable
from functools import partial

from twtop.cli.output import DONE, UNREADABLE, complain, printed
from twtop.demo.lab import Lab, Plan
from twtop.demo.private_netns import NamespaceRefused
from twtop.demo.scenarios import BY_NAME, SCENARIOS
from twtop.sources.open_source import open_source
from twtop.sources.source import OpenSource

Watch = Callable[[OpenSource, argparse.Namespace], int]
"""Shows one source as the options say, and returns the exit status."""


def demo(options: argparse.Namespace, watch: Watch) -> int:
    """Run a scenario for as long as it is watched, or list all of them."""
    if options.list:
        return printed(_list_scenarios)
    scenario = BY_NAME[options.scenario]
    plan = Plan(scenario, options.rate or scenario.rate, options.seconds, options.ports or scenario.ports)
    try:
        lab = Lab(plan)
    except NamespaceRefused as error:
        return complain(str(error), UNREADABLE)
    try:
        lab.wait_for_load()
        return watch(partial(lab.open, open_source(options.source)), options)
    finally:
        lab.close()


def _list_scenarios() -> int:
    width = max(map(len, BY_NAME))
    print("\n".join(f"{scenario.name:<{width}}  {scenario.tells}" for scenario in SCENARIOS))
    return DONE
