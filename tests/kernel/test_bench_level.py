"""What `make bench` reads: a level that is steady while its connections come and go, during its rounds too."""

import pytest

from tests.benchmarks.level import held
from tests.benchmarks.readings import contenders, measure
from tests.support.in_namespace import in_namespace

COUNT = 6100


@pytest.mark.slow
@pytest.mark.long
@in_namespace
def test_connections_come_and_go_while_the_level_is_read() -> None:
    with held(COUNT) as level:
        measured = measure(level, rounds=1)
    assert [turn.contender for turn in measured.turns] == list(contenders())
    assert measured.churn_per_s > 0
    for turn in measured.turns:
        assert turn.time_wait == pytest.approx(COUNT, rel=0.1)
        assert turn.later.sockets >= turn.time_wait * 0.9
