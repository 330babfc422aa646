"""What fails at an address of which several destinations are full is said for the address."""

import ipaddress
from dataclasses import replace

import numpy as np
import pytest

from tests.support.not_none import known
from tests.support.refused_connects import failed
from tests.support.sock_diag_dump import Block, make_sample, many
from twtop.analysis.analysis import Analysis, Analyst, analyse
from twtop.budgets.shared_failures import told_apart, worst_shared
from twtop.dump.failures import FailureHistory
from twtop.sources.decode import decode
from twtop.sources.decode_failed_connects import decode_failed_connects

PORTS = range(40000, 40020)


def full(local: str, *remotes: str, used: int = len(PORTS)) -> list[Block]:
    return [many(local, remote, "TIME_WAIT", lports=PORTS[:used], remaining=40) for remote in remotes]


def failing(*blocks: Block, to: str = "10.0.0.5", per_s: int = 8, part: bool = False, seconds: int = 10) -> Analysis:
    """The analysis of these sockets, after so many seconds in which connects to an address failed."""
    snapshot = decode(make_sample(*blocks, port_range=(40000, 40019), tw_reuse=0, max_tw_buckets=10_000))
    if part:
        object.__setattr__(snapshot, "part", True)
    counted = decode_failed_connects(failed(snapshot.mono, {to: per_s}, seconds=seconds))
    return analyse(snapshot, failures=FailureHistory().advance(counted, snapshot.mono))


def words(found: Analysis) -> set[str]:
    return {
        told_apart(found.destinations, found.budgets, found.snapshot.sockets.addresses, number)
        for number in range(len(found.destinations))
    }


def sentence(found: Analysis) -> str:
    return worst_shared(found.destinations, found.budgets, found.snapshot.sockets.addresses)


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (full("10.0.0.1", "10.0.0.5:443", "10.0.0.5:8443"), "to 443 or 8443"),
        (full("10.0.0.1", "10.0.0.5:80", "10.0.0.5:443", "10.0.0.5:8443"), "to 80, 443 or 8443"),
        (full("10.0.0.1", *(f"10.0.0.5:{port}" for port in range(80, 87))), "to 80, 81 or 5 more"),
        (full("10.0.0.1", "10.0.0.5:443") + full("10.0.0.2", "10.0.0.5:443"), "to 443 from 10.0.0.1 or 10.0.0.2"),
    ],
)
def test_what_they_differ_in_is_named(blocks: list[Block], said: str) -> None:
    found = failing(*blocks)
    assert words(found) == {said}
    assert np.isnan(found.budgets.failed_per_s).all()
    assert found.budgets.failed_shared_per_s.tolist() == [8] * len(blocks)
    assert found.budgets.failed_shared_60s.tolist() == [80] * len(blocks)
    worst = known(found.bottleneck)
    assert (worst.failed_shared_per_s, worst.failed_shared_60s, worst.failed_to) == (8, 80, said)
    assert sentence(found) == f"10.0.0.5: 8.0/s fail, {said}"


def test_a_destination_alone_shares_with_none() -> None:
    found = failing(*full("10.0.0.1", "10.0.0.5:443", "10.0.0.6:443"), *full("10.0.0.1", "10.0.0.5:80", used=3))
    assert words(found) == {""}
    assert sentence(found) == ""
    assert np.isnan(found.budgets.failed_shared_60s).all()
    assert known(found.bottleneck).failed_to == ""


def test_what_a_filtered_read_did_not_show_may_have_failed_too() -> None:
    found = failing(*full("10.0.0.1", "10.0.0.5:443", "10.0.0.6:443"), part=True)
    assert words(found) == {"", "to 443 or elsewhere"}
    assert sorted(found.budgets.failed_per_s.tolist(), key=np.isnan) == [0, pytest.approx(np.nan, nan_ok=True)]


def test_what_is_told_of_an_ipv6_address() -> None:
    found = failing(
        *full("fd00::1", "[fd00::5]:443"), *full("fd00::2", "[fd00::5]:443"), to=str(ipaddress.ip_address("fd00::5"))
    )
    assert words(found) == {"to 443 from fd00::1 or fd00::2"}


def test_once_ports_came_free_it_belongs_to_those_that_were_full() -> None:
    """And not to 80, which never was."""
    analyst = Analyst()
    free, both = full("10.0.0.1", "10.0.0.5:80", used=3), ("10.0.0.5:443", "10.0.0.5:8443")
    for at, used in enumerate((20, 9)):
        blocks = *free, *full("10.0.0.1", *both, used=used)
        sample = make_sample(*blocks, at=at, port_range=(40000, 40019), tw_reuse=0)
        found = analyst.analyse(decode(replace(sample, failures=failed(sample.mono, {"10.0.0.5": 8}))))
        figures = dict(zip(found.destinations.port.tolist(), found.budgets.failed_60s.tolist(), strict=True))
        assert {port for port, figure in figures.items() if np.isnan(figure)} == {443, 8443}
        assert figures[80] == 0
        assert words(found) == {"", "to 443 or 8443"}


def test_a_single_failure_may_be_of_what_was_not_read() -> None:
    found = failing(*full("10.0.0.1", "10.0.0.5:443"), part=True, per_s=1, seconds=1)
    assert words(found) == {"to 443 or elsewhere"}


def test_the_address_at_which_most_failed_is_told_of() -> None:
    """Beside a destination that shares with none. The rate may be any, also none any more."""
    found = failing(*full("10.0.0.1", "10.0.0.5:443", "10.0.0.5:8443"), *full("10.0.0.1", "10.0.0.6:80"))
    for per_s, said in ((8.0, "8.0/s fail"), (0.5, "0.5/s fail"), (0.0, "80 failed in 60 s")):
        rate = np.where(np.isnan(found.budgets.failed_shared_per_s), np.nan, per_s)
        budgets = replace(found.budgets, failed_shared_per_s=rate)
        told = worst_shared(found.destinations, budgets, found.snapshot.sockets.addresses)
        assert told == f"10.0.0.5: {said}, to 443 or 8443"
