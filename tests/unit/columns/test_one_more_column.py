"""A column is said once: one more entry of a registry is on the screen, in text, CSV and JSON, and in a copied row."""

import csv
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from tests.support.built_frames import frame
from tests.support.monitor_pilot import Stage, head, monitor, rows
from tests.support.monitor_samples import CONNECTIONS, lab
from twtop.columns.column import Column, Entry, Text
from twtop.columns.field import COUNT, Field, In
from twtop.columns.peer_rows import ManyPeers, PeerRow
from twtop.columns.peers import PEERS
from twtop.columns.socket_rows import ManySockets, SocketRow
from twtop.columns.sockets import SOCKETS
from twtop.columns.tones import Tone
from twtop.report.csv_rows import peer_line, socket_line
from twtop.report.formats import to_csv, to_json, to_text
from twtop.report.json_schema import json_schema

TIP = "Sockets, doubled"
PEER = Entry(
    Column[PeerRow]("twice", "TWICE", 9, lambda row, _: ((f"{2 * row.states.sum()} x", Tone.PLAIN),), TIP, priority=9),
    Text[ManyPeers](8, lambda many: [f"{count} y" for count in (2 * many.states.sum(axis=1)).tolist()]),
    Field("twice", COUNT, f"{TIP}.", lambda many: (2 * many.states.sum(axis=1)).tolist()),
    In.GROUP | In.CSV,
)
SOCKET = Entry(
    Column[SocketRow]("sum", "SUM", 9, lambda row, _: ((f"{row.index} x", Tone.PLAIN),), TIP, priority=11),
    Text[ManySockets](8, lambda many: [f"{row} y" for row in many.rows.tolist()]),
    Field("sum", COUNT, f"{TIP}.", lambda many: many.rows.tolist()),
    In.SOCKET | In.CSV,
)


@pytest.fixture(autouse=True)
def one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PEERS, "entries", (*PEERS.entries, PEER))
    monkeypatch.setattr(SOCKETS, "entries", (*SOCKETS.entries, SOCKET))


async def copied(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What `y` puts on the clipboard, by name."""
    told: list[str] = []
    monkeypatch.setattr(stage.app, "copy_to_clipboard", told.append)
    await stage.press("y")
    await stage.until(lambda: told, "the copied row")
    return dict(pair.split("=", 1) for pair in told[0].split())


async def test_on_the_screen_and_in_a_copied_row(monkeypatch: pytest.MonkeyPatch) -> None:
    async with monitor(lab(), size=(200, 50)) as stage:
        assert "TWICE" in head(stage, stage.peers)
        assert rows(stage, stage.peers)[0].endswith(" 1660 x")
        assert (await copied(stage, monkeypatch))["twice"] == "1660"
        await stage.press("enter")
        await stage.until_shown("830 sockets")
        assert "SUM" in head(stage, stage.sockets)
        (first, *_) = rows(stage, stage.sockets)
        number = first.split()[-2]
        assert first.endswith(" x")
        assert (await copied(stage, monkeypatch))["sum"] == number


async def test_in_the_help_panel() -> None:
    async with monitor(lab(), size=(120, 100)) as stage:
        await stage.press("question_mark")
        await stage.until_shown("TWICE", "SUM", TIP)


def test_in_batch_text() -> None:
    _, _, peers, sockets, *_ = to_text(frame(*CONNECTIONS), True).split("\n\n")
    assert [line.split()[-1] for line in peers.splitlines()] == ["TWICE", "y", "y", "y", "y"]
    assert sockets.splitlines()[0].endswith("SUM")
    assert all(line.endswith(" y") for line in sockets.splitlines()[1:])


def test_in_csv() -> None:
    found = frame(*CONNECTIONS)
    assert {
        int(row["twice"]) - 2 * int(row["sockets"]) for row in csv.DictReader(to_csv(found, False).splitlines())
    } == {0}
    numbers = [int(row["sum"]) for row in csv.DictReader(to_csv(found, True).splitlines())]
    assert numbers == np.flatnonzero(found.shown).tolist()


def test_in_json_as_published() -> None:
    value = json.loads(to_json(frame(*CONNECTIONS), True))
    assert all(peer["twice"] == 2 * peer["sockets"] for peer in value["peers"])
    assert [row["sum"] for row in value["sockets"]] == [*range(len(value["sockets"]))]
    published: Any = json_schema()
    Draft202012Validator(published).validate(value)
    for name, field in (("peers", "twice"), ("sockets", "sum")):
        assert published["properties"][name]["items"]["properties"][field] == {**COUNT, "description": f"{TIP}."}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (lambda found: peer_line(PeerRow(found, 0, None, False)), "twice"),
        (lambda found: peer_line(PeerRow(found, 0, 0, False)), "twice"),
        (lambda found: socket_line(SocketRow(found, 0)), "sum"),
    ],
)
def test_in_a_line_of_names_and_values(line: Callable[..., str], name: str) -> None:
    assert f" {name}=" in line(frame(*CONNECTIONS))
