"""The tests of this folder need a Linux kernel, and most of them a private network namespace: `-m kernel`."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.kernel)
