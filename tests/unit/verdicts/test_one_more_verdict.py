"""A verdict is said once: one more in its list is on the strip, in batch text and in JSON."""

import json

import pytest

from tests.support.built_frames import frame
from tests.support.monitor_pilot import monitor
from tests.support.monitor_samples import CONNECTIONS, lab
from twtop.report.formats import to_json, to_text
from twtop.verdicts import verdicts
from twtop.verdicts.verdict import Evidence, Level, Verdict

TEXT = "The cat is on the table."


def cats(evidence: Evidence) -> Verdict:
    return Verdict("cat_count", Level.WARN, float(len(evidence.analysis.snapshot.sockets)), "9 cats", TEXT)


@pytest.fixture(autouse=True)
def one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "VERDICTS", (*verdicts.VERDICTS, ("CATS", 8, cats)))


async def test_on_the_strip() -> None:
    async with monitor(lab(), size=(200, 40)) as stage:
        assert stage.shows("△ CATS 9 cats")


def test_in_batch_text_and_json() -> None:
    found = frame(*CONNECTIONS)
    assert f"\nCAT COUNT    WARN      {TEXT}\n" in to_text(found, False)
    told = json.loads(to_json(found, False))["verdicts"][-1]
    assert told == {"id": "cat_count", "level": "warn", "value": len(found.snapshot.sockets), "text": TEXT}
