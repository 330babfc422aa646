"""A program that other users can read too, although this Python may lie in a folder of root's alone."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import ROOT

OTHERS_MAY_ENTER = 0o001


def readable_by_all(program: Sequence[str], scratch: Path) -> list[str]:
    """The program, in a mount namespace of its own if it needs one: closed folders show what it needs, and no more.

    `scratch` is an empty folder. Skips where the kernel refuses the mounts.
    """
    needed = {Path(folder).resolve() for folder in (sys.base_prefix, sys.prefix, ROOT)}
    closed = {folder: behind for folder in needed if (behind := _outermost_closed(folder)) is not None}
    if not closed:
        return list(program)
    aside = {folder: scratch / f"mounted-{number}" for number, folder in enumerate(closed)}
    steps = []
    for folder, place in aside.items():
        steps += [["mkdir", "-p", place], ["mount", "--bind", folder, place]]
    steps += [["mount", "-t", "tmpfs", "-o", "mode=755", "none", behind] for behind in set(closed.values())]
    for folder, place in aside.items():
        steps += [["mkdir", "-p", folder], ["mount", "--bind", place, folder]]
    script = " && ".join(shlex.join(map(str, step)) for step in steps)
    if subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, check=False).returncode:
        pytest.skip("this Python lies where other users cannot read it")
    return ["unshare", "-m", "sh", "-c", f'{script} && exec "$@"', "sh", *program]


def _outermost_closed(folder: Path) -> Path | None:
    """The folder nearest to the root, of those that lead to this one, that other users cannot enter."""
    ways = [*reversed(folder.parents), folder]
    return next((way for way in ways if not way.stat().st_mode & OTHERS_MAY_ENTER), None)
