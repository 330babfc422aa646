"""Sockets with hostile names of everything → text, JSON and CSV that are whole and harmless."""

import csv
import io
import json
import unicodedata
from dataclasses import replace

from tests.fuzz.target import Drawn, Target, demand
from tests.fuzz.targets.counters import files_of
from tests.support.built_frames import Run
from tests.support.sock_diag_dump import make_sample
from twtop.frame.view import GroupBy, GroupSort, View
from twtop.model import Process
from twtop.report.formats import REPORTS as FORMS
from twtop.sources.probe import CollectError, FailureTable, Sample

HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
TICKS, SIZE = 2, 88
FORMS_WITH = [(form, sockets) for form in FORMS for sockets in (False, True)]


def check(data: bytes) -> None:
    drawn = Drawn(data)
    groups, sorts = [*GroupBy], [*GroupSort]
    view = View(group_by=groups[drawn.below(len(groups))], group_sort=sorts[drawn.below(len(sorts))])
    form, sockets = FORMS_WITH[drawn.below(len(FORMS_WITH))]
    names = [drawn.piece().decode("utf-8", errors="replace") for _ in range(6)]
    gap, failures = drawn.below(256) / 16, drawn.take(32 * drawn.below(3))
    dumps = [drawn.take(SIZE * drawn.below(12)) for _ in range(TICKS)]
    files = make_sample().files | files_of(drawn)
    try:
        run = Run({inode: Process(100 + inode, names[inode % 2]) for inode in range(1, 9)})
        for tick, dump in enumerate(dumps):
            run.tick(_sample(dump, 1 + gap * tick, names, files, failures))
            frame = run.show(view)
    except CollectError:
        return
    _whole(form, FORMS[form](frame, sockets), names)


def _sample(dump: bytes, at: float, names: list[str], files: dict[str, str], failures: bytes) -> Sample:
    """A sample of these messages, whose headers are mended so that all are taken."""
    messages = [bytearray(dump[start : start + SIZE]) for start in range(0, len(dump), SIZE)]
    for message in messages:
        message[:16] = b"\x58\0\0\0\x12\0\2\0\x35\x12\xed\x5e\x67\x12\0\0"
        message[16] = 10 if message[16] & 1 else 2
        message[17] = 1 + message[17] % 11
    sample = make_sample(at=at, host=names[2], kernel=names[3], netns=names[4])
    table = FailureTable(999.0, 1000 + at, failures) if failures else None
    return replace(
        sample,
        dump=b"".join(messages),
        files=files,
        netns_name=names[5],
        load=names[0],
        notice=names[1],
        failures=table,
    )


def _whole(form: str, text: str, names: list[str]) -> None:
    harmful = {character for character in text if character != "\n" and unicodedata.category(character) in HARMFUL}
    demand(not harmful, f"{form} lets {harmful!r} of {names!r} through")
    if form == "json":
        demand(text.count("\n") == 1, "JSON is one line")
        demand(isinstance(json.loads(text), dict), "JSON is an object")
    if form == "csv":
        rows = [*csv.reader(io.StringIO(text), strict=True)]
        demand(len({*map(len, rows)}) <= 1, "all rows of CSV are of one length")
        for cell in (cell for row in rows for cell in row):
            demand(not cell.startswith(FORMULA) or _is_number(cell), f"{cell!r} would be a formula")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


TARGET = Target(check, words=("\x1b[2J", "\u202e", "=1+1", "\n", '"', ","), most=4096)
