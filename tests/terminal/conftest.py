"""What is in this folder runs in a real terminal, by tmux, or as a process of its own: `-m terminal`."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.terminal)
