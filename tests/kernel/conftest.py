"""What is in this folder needs a Linux kernel, and mostly a private network namespace: `-m kernel`."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.kernel)
