"""What the README prints can be typed, and what it shows is there."""

import re
import shlex

import pytest

from tests import ROOT
from tests.benchmarks.readme import TABLES, TOLD, TOOLS, agreed
from tests.support.screenshot_scenes import SCENES
from tests.support.screenshots import path as picture
from twtop.cli.arguments import parser
from twtop.filter.parser import parse
from twtop.ui.keys import ALL_KEYS

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (twtop .*)$|`(twtop [^`]+)`", README, re.MULTILINE)
PLACEHOLDERS = re.compile(r"\[-|NAME|--help")


def commands() -> list[str]:
    """Every command line of twtop, without a comment and what it is piped into."""
    found = [re.split(r" +[|>#] ", block or inline)[0].strip() for block, inline in COMMANDS]
    return sorted({command for command in found if not PLACEHOLDERS.search(command)})


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("command", commands())
def test_a_command_is_understood(command: str) -> None:
    parser().parse_args(shlex.split(command)[1:])


def test_filters_are_understood() -> None:
    table, precise = section("The filter language").split("Precise tests:")
    examples = [
        each for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for each in re.findall("`(.+?)`", line)
    ]
    examples += [each for each in re.findall("`(.+?)`", precise) if each not in ("and", "or", "not")]
    assert len(examples) > 15
    for example in examples:
        parse(example)


def test_pictures_are_there() -> None:
    shown = re.findall(r"\]\((screenshots/.*?)\)", README)
    assert len(shown) == 4
    assert set(shown) <= {f"screenshots/{picture(scene).name}" for scene in SCENES}


def test_every_key_is_listed() -> None:
    listed = section("Keys")
    caps = {cap for key in ALL_KEYS for cap in key.cap.replace("⏎", "Enter").split()}
    arrows = {"↑": "arrows", "↓": "arrows"}
    assert [cap for cap in sorted(caps) if f"`{cap}`" not in listed and arrows.get(cap, "-") not in listed] == []


def test_the_text_tells_the_ratios_of_its_own_tables() -> None:
    assert agreed(README) == README


def test_no_other_ratio_is_told() -> None:
    """One that no table says is not checked against any."""
    text = TABLES.sub("", README)
    assert len(TOLD.findall(text)) == len(TOOLS)
    assert re.findall(r"\b(?:twice|\w+ times) (?:as|that|the|longer|faster)\b", text) == []
