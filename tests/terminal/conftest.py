"""The tests of this folder run twtop as users do, in a terminal or as a process of its own: `-m terminal`."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.terminal)
