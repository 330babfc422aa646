"""Run a call as a user without any rights, in a child process.

A process that once was another user stays closed to root in a user namespace, even after it is root again: hence the
child.
"""

import multiprocessing
import os
from collections.abc import Callable
from typing import TypeVar

import pytest

NOBODY = 65534

Result = TypeVar("Result")


def as_nobody(body: Callable[..., Result], *arguments: object) -> Result:
    """What `body` returns when nobody calls it. Skips unless this is root, who alone can become another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with multiprocessing.get_context("fork").Pool(1, os.setuid, (NOBODY,)) as pool:
        return pool.apply(body, arguments)
