"""Hostile process names, real and drawn: wherever they are shown, they do nothing but name a process."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support.built_frames import frame
from tests.support.in_namespace import in_namespace
from tests.support.monitor_pilot import NEVER, Stage, selected
from tests.support.monitor_samples import Script
from tests.support.other_netns import process_elsewhere
from tests.support.other_process import server
from tests.support.sock_diag_dump import many
from twtop.engine.engine import Engine
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Process
from twtop.report.formats import to_csv, to_json
from twtop.report.text import to_text
from twtop.sanitize import cells
from twtop.sources.netns_listing import list_namespaces
from twtop.sources.open_source import open_local
from twtop.ui.app import TwtopApp
from twtop.ui.monitor import Monitor

BY_PROCESS = View(group_by=GroupBy.PROCESS)
HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
FORMULA = tuple("=+-@\t\r\n＝＋－＠")

NAMES = {  # as given to the kernel, which keeps 15 bytes, and as shown
    b"[bold]x[/]": "[bold]x[/]",
    b"[/]": "[/]",
    b"\x1b[31m\x1b]0;x\x07": "␛[31m␛]0;x␇",
    b"two\nlines\r": "two␊lines␍",
    b"=1+1|'x'!A1": "=1+1|'x'!A1",
    "日本語デーモン".encode(): "日本語デー",
    "שלום\u202e".encode(): "שלום�",
    b"\xff\xfe\x80": "���",
    b"$x {y} %s \\": "$x {y} %s \\",
}


def is_harmless(shown: str) -> bool:
    return not {unicodedata.category(character) for character in shown if character != "\n"} & HARMFUL


def report(*arguments: str) -> str:
    """What twtop prints about this namespace."""
    command = [sys.executable, "-m", "twtop", "-1", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=ascii)
@in_namespace
def test_a_real_process_is_harmless_in_every_report(name: bytes, shown: str) -> None:
    with server(name) as child, child.dial():
        text = report("--group", "process", "--sockets")
        groups, sockets = (
            [*csv.DictReader(io.StringIO(report("-o", "csv", "--group", "process", *more)))]
            for more in ([], ["--sockets"])
        )
        value = json.loads(report("-o", "json", "--group", "process", "--sockets"))
    assert is_harmless(text)
    assert f"\n{shown} " in text
    assert f"  {shown} {child.pid}\n" in text
    cell = f"'{shown}" if shown.startswith(FORMULA) else shown
    assert cell in [row["peer"] for row in groups]
    assert {cell} == {row["process"] for row in sockets if row["pid"] == str(child.pid)}
    exactly = name[:15].decode(errors="replace")
    assert {exactly} == {row["process"] for row in value["sockets"] if row["pid"] == child.pid}
    assert shown in [peer["peer"] for peer in value["peers"]]


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=ascii)
@in_namespace
def test_a_real_process_is_harmless_on_the_screen(name: bytes, shown: str) -> None:
    """In the table, the title of its sockets, their rows, the panel of the process, and the explanation."""

    async def look() -> None:
        app = TwtopApp(Engine(open_local, BY_PROCESS, NEVER), BY_PROCESS, NEVER)
        async with app.run_test(size=(200, 50)):
            assert isinstance(app.screen, Monitor)
            stage = Stage(app, app.screen, Script([]))
            await stage.until_shown(f" {shown} ")
            while not selected(stage, stage.peers).strip().startswith(f"{shown} "):
                await stage.press("down")
            await stage.press("enter")
            await stage.until_shown(f"{shown} ── 1 socket ──", f"{shown} {child.pid}", "descriptors", "�[2J␊ [/] ")
            judge(stage)
            await stage.press("w")
            await stage.until_shown(f"{shown} {child.pid} has")
            judge(stage)

    with server(name, b"\xff[2J\n", "[/]", "\x1b[31m", "日本" * 100) as child, child.dial():
        asyncio.run(look())


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=ascii)
@in_namespace
def test_a_namespace_that_is_named_after_a_real_process_has_a_harmless_name(name: bytes, shown: str) -> None:
    """The header and messages name the namespace."""
    with process_elsewhere(name=name) as child:
        (found,) = (each for each in list_namespaces().namespaces if child.pid in [one.pid for one in each.processes])
        assert found.target
        assert found.target.name == f"pid {child.pid} ({shown})"


@pytest.mark.parametrize("name", [b"\x1b]0;x\x07", b"two\nlines", "q\u202e".encode(), b"\xff"])
def test_a_hostile_name_of_ip_netns_is_harmless(name: bytes, tmp_path: Path) -> None:
    run = tmp_path / "netns"
    run.mkdir()
    with process_elsewhere() as child:
        (run / os.fsdecode(name)).symlink_to(f"/proc/{child.pid}/ns/net")
        targets = [each.target for each in list_namespaces(str(run)).namespaces if each.target]
    (named,) = [target for target in targets if target.paths[0].startswith(str(run))]
    assert is_harmless(named.name)
    assert os.fsencode(named.paths[0]).endswith(name)


def judge(stage: Stage) -> None:
    assert is_harmless(stage.text)
    assert {cell_len(line) for line in stage.lines} == {stage.app.size.width}


anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)
SAMPLE = many("10.0.0.1", "10.0.0.7:5432", lports=range(33000, 33003), inode=range(900, 903))


def called(names: list[str]) -> Frame:
    owners = {900 + i: Process(100 + i, name) for i, name in enumerate(names)}
    return frame(SAMPLE, view=BY_PROCESS, owners=owners)


@given(st.lists(anything, min_size=3, max_size=3))
def test_any_names_are_harmless_in_text(names: list[str]) -> None:
    lines = to_text(called(names), True).splitlines()
    assert all(map(is_harmless, lines))
    first = next(i for i, line in enumerate(lines) if line.startswith("PROCESS "))
    rows = lines[first + 1 : lines.index("", first)]
    assert len(rows) == len(set(names))
    for row in rows:
        name, _, figures = row.rpartition(" out ")
        assert figures
        assert cells(name) == 28 or (cells(name) > 28 and not name.endswith(" "))


@given(st.lists(anything, min_size=3, max_size=3))
def test_any_names_are_harmless_in_csv(names: list[str]) -> None:
    for sockets, column in ((False, "peer"), (True, "process")):
        table = to_csv(called(names), sockets)
        assert is_harmless(table)
        rows = [*csv.DictReader(io.StringIO(table))]
        assert len(rows) == (len(names) if sockets else len(set(names)))
        assert not [row for row in rows if row[column].startswith(FORMULA)]


@given(st.lists(anything, min_size=3, max_size=3))
def test_any_names_are_harmless_in_json(names: list[str]) -> None:
    line = to_json(called(names), True)
    assert line.isascii()
    assert line.rstrip("\n").isprintable()
    value = json.loads(line)
    assert [row["process"] for row in value["sockets"]] == names
    assert all(is_harmless(peer["peer"]) for peer in value["peers"])
