"""A filter of times while the sockets are read less often than frames are built."""

import json
from typing import Any

import pytest

from tests.support.in_namespace import in_namespace, wait_until
from twtop.demo.load import ConnectStats, Server, client_closes, connect
from twtop.engine.pipeline import Pipeline
from twtop.filter.parser import parse
from twtop.frame.view import View
from twtop.report.formats import to_json
from twtop.sources.open_source import open_local

SHORT_S = 0.4


@pytest.mark.parametrize(
    ("text", "field", "low", "high"),
    [("age < 400ms", "age_s", 0, SHORT_S), ("remaining > 59600ms", "remaining_s", 60 - SHORT_S, 60)],
)
@in_namespace
def test_what_is_shown_later_is_what_was_kept(text: str, field: str, low: float, high: float) -> None:
    """The CPU limit allows one dump a year. Some of the TIME_WAIT have just begun when the sockets are read."""
    server, stats, view, pipeline = (
        Server(("127.0.0.1", 7000)),
        ConnectStats(),
        View(parse(text)),
        Pipeline(open_local, 1e-9),
    )

    def shown(now: bool) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(to_json(pipeline.build(pipeline.read(1.0, now=now), view), True))
        return told

    def just_begun() -> dict[str, Any] | None:
        for _ in range(20):
            client_closes(connect(server, stats))
        told = shown(now=True)
        return told if told["sockets"] else None

    shown(now=True)
    before = wait_until(just_begun, what="a reading within 0.4 s")
    client_closes(connect(server, stats))
    after = wait_until(
        lambda: told if (told := shown(now=False))["sockets_age_s"] > SHORT_S else None, what="some time"
    )
    assert after["sockets"] == before["sockets"]
    assert after["states"]["TIME_WAIT"] == len(after["sockets"]) == sum(peer["sockets"] for peer in after["peers"])
    assert all(low <= each[field] <= high for each in after["sockets"])
