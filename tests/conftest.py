"""Hypothesis: no deadline on a shared machine, the same examples on every run of CI, fewer of them for a fast answer.

Slow tests begin first.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "twtop", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("fast", settings.get_profile("twtop"), max_examples=10)
settings.load_profile("twtop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A run that ends with its longest test keeps a single worker busy for a minute."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each question that a test put to the kernel (`record_property("judged", line)`)."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    lines = sorted({str(text) for report in reports for name, text in report.user_properties if name == "judged"})
    if lines:
        terminalreporter.section("judged by the kernel")
        for line in lines:
            terminalreporter.line(line)
