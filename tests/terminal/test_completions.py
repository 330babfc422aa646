"""Shells read the completions in twtop/share/, and bash completes by them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import manual
from tests.support.tmux_terminal import Terminal, needs_tmux, terminal


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Terminal]:
    """A shell that has read the completions."""
    with terminal(tmp_path, ["bash", "--noprofile", "--norc", "-i"]) as opened:
        opened.type(f"source {manual.FOLDER / manual.COMPLETIONS['bash']} && echo read\n")
        opened.until_shown("\nread")
        yield opened


@needs_tmux
def test_bash_completes(bash: Terminal) -> None:
    for typed, completed in (
        ("twtop ex", "twtop explain"),
        ("twtop demo client", "twtop demo client-closes"),
        ("twtop --gr", "twtop --group"),
        ("twtop --group serv", "twtop --group service"),
        ("twtop -b -o j", "twtop -b -o json"),
        ("twtop demo --ra", "twtop demo --rate"),
    ):
        bash.type(f"{typed}\t")
        bash.until_shown(completed)
        bash.send("C-u")
        bash.until_gone(completed)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_them(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    path = manual.FOLDER / manual.COMPLETIONS[shell]
    subprocess.run([shell, "--no-execute" if shell == "fish" else "-n", path], env=os.environ, check=True)
