"""What `make bench` reads: a level that is steady while its connections come and go, during its rounds too."""

import pytest

from tests.benchmarks.level import held
from tests.benchmarks.readings import Measured, contenders, measure
from tests.support.in_namespace import run_in_namespace

COUNT, LIMIT_S = 6100, 600


def measured() -> Measured:
    with held(COUNT) as level:
        return measure(level, rounds=1)


@pytest.mark.slow
@pytest.mark.long
def test_connections_come_and_go_while_the_level_is_read() -> None:
    found = run_in_namespace(measured, timeout=LIMIT_S)
    assert [turn.contender for turn in found.turns] == list(contenders())
    assert found.churn_per_s > 0
    for turn in found.turns:
        assert turn.time_wait == pytest.approx(COUNT, rel=0.1)
        assert turn.later.sockets >= turn.time_wait * 0.9
