"""The manual and the completions are as made, and the manual says all that the program understands."""

import re
import shutil
import subprocess
from contextlib import redirect_stdout
from io import StringIO

import pytest

from tests.support import manual
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
