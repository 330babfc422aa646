"""What `make fuzz` has in its corpus, once more: real bytes, inputs of interest, and all that was a finding once."""

import pytest

from tests.fuzz.registry import NAMES
from tests.fuzz.replay import inputs, replay_all

MOST_BYTES = 300_000


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_holds(name: str) -> None:
    assert [*inputs(name)]
    replay_all(name)


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for name in NAMES for path in inputs(name)) <= MOST_BYTES
