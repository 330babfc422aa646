"""A call by a user without any rights, in a child: whoever once was another user may, even as root again, not be looked
into by root in a user namespace any more."""

import multiprocessing
import os
from collections.abc import Callable
from typing import TypeVar

import pytest

NOBODY = 65534

Result = TypeVar("Result")


def as_nobody(body: Callable[..., Result], *arguments: object) -> Result:
    """What it returns; skips where only root could become somebody else."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with multiprocessing.get_context("fork").Pool(1, os.setuid, (NOBODY,)) as pool:
        return pool.apply(body, arguments)
