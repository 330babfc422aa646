"""Samples recorded from real loads, and every report on them: `python -m tests.support.recorded_samples FOLDER` writes
the reports there, to be compared with those of another version."""

import base64
import hashlib
import json
import lzma
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests import ROOT
from tests.support.built_frames import UNBOUNDED
from twtop.engine.pipeline import Pipeline
from twtop.filter.parser import parse
from twtop.frame.view import GroupBy, GroupSort, View
from twtop.model import Process
from twtop.processes.inode_map import holders
from twtop.report.formats import REPORTS
from twtop.sources.probe import Request, Sample
from twtop.sources.source import ReadBy

FOLDER = ROOT / "tests" / "unit" / "report" / "recorded"
NAMES = sorted(path.name.removesuffix(".json.xz") for path in FOLDER.glob("*.json.xz"))
VIEWS = {
    "plain": View(),
    "filtered": View(query=parse("port 443 or process p1")),
    "processes": View(group_by=GroupBy.PROCESS, group_sort=GroupSort.TIME_WAIT),
    "destinations": View(group_by=GroupBy.DESTINATION, group_sort=GroupSort.FULL_IN),
}


def samples(name: str) -> Iterator[Sample]:
    """The samples of one recording, oldest first."""
    with lzma.open(FOLDER / f"{name}.json.xz", "rt") as file:
        for each in json.load(file):
            dump, request = each.pop("dump"), each.pop("request")
            yield Sample(
                **each,
                dump=None if dump is None else base64.b64decode(dump),
                request=Request(request["states"], base64.b64decode(request["bytecode"])),
            )


def reports(name: str, view: View) -> dict[str, str]:
    """Form of output → what all ticks of a recording print. Every fifth inode belongs to the same process."""
    recorded = [*samples(name)]
    printed = {f"{form}{' with sockets' * sockets}": "" for form in REPORTS for sockets in (False, True)}
    ticks = iter(recorded)
    pipeline = Pipeline(lambda: ReadBy(lambda _: next(ticks)), UNBOUNDED)
    for _ in recorded:
        sampled = pipeline.read(1.0)
        inodes = {*sampled.analysis.snapshot.sockets.inode.tolist()} - {0}
        found = holders((inode, Process(100 + inode % 5, f"p{inode % 5}")) for inode in inodes)
        frame = pipeline.build(sampled, view, found)
        for form, report in REPORTS.items():
            printed[form] += report(frame, False)
            printed[f"{form} with sockets"] += report(frame, True)
    return printed


def sums() -> Iterator[str]:
    """A line for each report on each recording: its SHA-256 and what it is."""
    for name in NAMES:
        for view_name, view in VIEWS.items():
            for form, text in reports(name, view).items():
                yield f"{hashlib.sha256(text.encode()).hexdigest()}  {name} {view_name} {form}"


def main(folder: Path) -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    for name in NAMES:
        for view_name, view in VIEWS.items():
            for form, text in reports(name, view).items():
                (folder / f"{name} {view_name} {form}").write_text(text, encoding="utf-8")
    (folder / "sha256.txt").write_text("\n".join(sums()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
