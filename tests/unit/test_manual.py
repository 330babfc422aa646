"""The manual and the completions say what the program understands, and shells and man(1) understand them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.support import manual
from tests.support.tmux_terminal import Terminal, needs_tmux, terminal
from twtop.cli.arguments import parser
from twtop.demo.scenarios import BY_NAME

OPTION = re.compile(r"(?<![\w-])--?[a-z0-9][a-z-]*", re.IGNORECASE)
COMMAND = re.compile(r"^    ([a-z]+) ", re.MULTILINE)
PAGE = manual.FOLDER / "man/man1/twtop.1"


def test_share_is_as_made() -> None:
    there = {path.relative_to(manual.FOLDER) for path in manual.FOLDER.rglob("*") if path.is_file()}
    made = manual.files()
    assert there == set(made)
    others = [path.name for path, text in made.items() if (manual.FOLDER / path).read_text("utf-8") != text]
    assert others == [], "'make manual' writes them anew"


def test_the_manual_is_plain_roff() -> None:
    assert PAGE.read_text("utf-8").isascii()


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_manual_is_typeset_without_a_complaint() -> None:
    run = subprocess.run(["groff", "-man", "-Tutf8", "-ww", PAGE], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    words = set(re.findall(r"[^\s,]+", re.sub("\x1b\\[[0-9;]*m|.\b", "", run.stdout)))
    wanted = {*OPTION.findall(help_of()), *COMMAND.findall(help_of()), *BY_NAME}
    for command in COMMAND.findall(help_of()):
        wanted |= set(OPTION.findall(help_of(command)))
    assert {"-1", "--filter", "--rate", "demo", "client-closes"} <= wanted
    assert wanted - words == set()


def help_of(*command: str) -> str:
    """What `twtop COMMAND --help` prints."""
    with pytest.raises(SystemExit), redirect_stdout(StringIO()) as told:
        parser().parse_args([*command, "--help"])
    return told.getvalue()


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
