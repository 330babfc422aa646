"""The same samples make the same reports, byte for byte, as when they were recorded."""

import time
from collections.abc import Iterator

import pytest

from tests.support.recorded_samples import FOLDER, VIEWS, reports, sums


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.txt")) if path.stem != "sha256"])
def test_text_is_as_recorded(name: str) -> None:
    assert reports(name, VIEWS["plain"])["text"] == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_every_report_is_as_recorded() -> None:
    """`python -m tests.support.recorded_samples FOLDER` writes them, to be compared."""
    assert [*sums()] == (FOLDER / "sha256.txt").read_text("ascii").splitlines()
