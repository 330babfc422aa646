"""The forms of batch output by name. Each loads only what it needs, for a report that is asked for once."""

from collections.abc import Callable

import numpy as np

from twtop.frame.frame import Frame
from twtop.frame.sorting import ordered

Report = Callable[[Frame, bool], str]
"""(frame, with single sockets) → text with its closing newline."""


def to_text(frame: Frame, with_sockets: bool) -> str:
    """Lines for people, like `top -b`."""
    from twtop.report import text

    return text.to_text(frame, with_sockets)


def to_json(frame: Frame, with_sockets: bool) -> str:
    """One JSON object on one line, schema twtop/1. Unknown is null."""
    from twtop.report.json_text import document

    return document(frame, with_sockets) + "\n"


def to_csv(frame: Frame, with_sockets: bool) -> str:
    """The peers table, or the single sockets, with a line of names before the first tick."""
    from twtop.report.csv_rows import peers_csv, sockets_csv

    if with_sockets:
        return sockets_csv(frame, np.flatnonzero(frame.shown), named=frame.tick == 1)
    return peers_csv(frame, ordered(frame.groups, frame.view.group_sort), named=frame.tick == 1)


REPORTS: dict[str, Report] = {"text": to_text, "json": to_json, "csv": to_csv}
