"""The options of live connections are asked for where they matter, and seldom where that costs much."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.sock_diag_dump import Block, make_sample, many, sock, tcp_info, with_attributes
from twtop.engine.sampler import Sampler
from twtop.engine.timestamp_watch import FEW
from twtop.sources.probe import WITH_OPTIONS, Request, Sample
from twtop.sources.source import ReadBy

WAITING = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40_000, 40_030), remaining=30)


class Machine:
    """A source whose live connections have options only where they are asked for."""

    def __init__(self, live: Block, peer_uses_them: bool = True, **sysctls: Any) -> None:
        self._live, self._shown = live, with_attributes(live, tcp_info(peer_uses_them))
        self._sysctls = {"tw_reuse": 1, **sysctls}
        self._at, self.asked = 0.0, list[bool]()

    def read(self, request: Request) -> Sample:
        self.asked.append(bool(request.extensions & WITH_OPTIONS))
        live = self._shown if self.asked[-1] else self._live
        sample = make_sample(WAITING, live, at=self._at, **self._sysctls)
        self._at += 1
        return replace(sample, request=request)

    def watched(self, ticks: int) -> list[float]:
        """How many TIME_WAIT are reusable at each of these ticks, NaN for unknown."""
        sampler = Sampler(ReadBy(self.read), max_cpu=1000)
        return [float(sampler.tick(1.0).analysis.budgets.reusable[0]) for _ in range(ticks)]


def live(count: int, remote: str = "10.0.0.5:443") -> Block:
    return many("10.0.0.1", remote, lports=41_000 + np.arange(count))


@pytest.mark.parametrize(("used", "reusable"), [(True, 30), (False, 0)])
def test_the_first_reading_asks_and_a_minute_later_the_next_one(used: bool, reusable: int) -> None:
    machine = Machine(live(5), peer_uses_them=used)
    assert machine.watched(130) == [reusable] * 130
    assert [tick for tick, asked in enumerate(machine.asked) if asked] == [0, 61, 122]


@pytest.mark.parametrize("sysctls", [{"tw_reuse": 0}, {"tw_reuse": 2}, {"timestamps": 0}, {"tw_reuse": None}])
def test_where_it_does_not_matter_only_the_first_reading_asks(sysctls: dict[str, Any]) -> None:
    machine = Machine(live(5), **sysctls)
    machine.watched(130)
    assert [tick for tick, asked in enumerate(machine.asked) if asked] == [0]


@pytest.mark.parametrize(("others", "every"), [(FEW, 1), (FEW + 1, 11)])
def test_what_is_unclear_is_asked_for_often_only_while_that_costs_little(others: int, every: int) -> None:
    machine = Machine(live(others, remote="10.0.0.6:443"))
    assert np.isnan(machine.watched(24)).all()
    assert [tick for tick, asked in enumerate(machine.asked) if asked] == [*range(0, 24, every)]


def test_a_syn_sent_shows_nothing() -> None:
    """It has not heard the peer's options yet."""
    machine = Machine(sock("10.0.0.1:41000", "10.0.0.5:443", "SYN_SENT"), peer_uses_them=False)
    assert np.isnan(machine.watched(3)).all()


def test_where_connections_to_one_service_differ_it_is_unknown() -> None:
    """Several machines stand behind its address."""
    one, other = (with_attributes(live(1), tcp_info(used)) for used in (True, False))
    other["lport"] += 1
    samples = iter([make_sample(WAITING, one, other, tw_reuse=1)])
    sampler = Sampler(ReadBy(lambda _: next(samples)))
    assert np.isnan(sampler.tick(1.0).analysis.budgets.reusable[0])
