"""All targets by name. Each is loaded alone, as it takes a while to make its lines count."""

from importlib import import_module

from tests.fuzz.target import Target

NAMES = ("sock_diag", "procfs", "counters", "listeners", "filters", "processes", "reports")


def target(name: str) -> Target:
    """The target of this name: TARGET of its file."""
    found: Target = import_module(f"tests.fuzz.targets.{name}").TARGET
    return found
