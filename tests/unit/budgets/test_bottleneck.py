"""Which port budget is nearest to its end: of several destinations, and beside a client that binds first."""

import ipaddress
import math

import pytest

from tests.support.counted_failures import counted
from tests.support.not_none import known
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.analysis.analysis import Analysis, analyse
from twtop.dump.failures import FailureHistory
from twtop.sources.decode import decode

LOW, HIGH = 40_000, 40_099
EVEN, ODD = range(LOW, HIGH, 2), range(LOW + 1, HIGH + 1, 2)
HERE, THERE = "10.0.0.1", "10.0.0.2"


def waiting(count: int, remote: str, local: str = HERE, ports: range = EVEN) -> Block:
    return many(local, remote, "TIME_WAIT", lports=ports[:count], remaining=30)


def found(*blocks: Block, failing: dict[str, int] | None = None) -> Analysis:
    """`failing` are connects that failed in the last second, by remote address."""
    snapshot = decode(make_sample(*blocks, port_range=(LOW, HIGH), tw_reuse=0))
    rows = {(int(ipaddress.ip_address(f"::ffff:{to}")), 9_999): count for to, count in (failing or {}).items()}
    failures = None if failing is None else FailureHistory().advance(counted(1000.0, rows), 1000.0)
    return analyse(snapshot, failures=failures)


ACCEPTED = (sock("10.0.0.1:80", state="LISTEN"), many("10.0.0.1:80", "10.0.0.9", rports=range(5000, 5090)))


def test_without_an_outbound_connection_there_is_none() -> None:
    assert found().bottleneck is None
    assert found(*ACCEPTED).bottleneck is None


@pytest.mark.parametrize("order", [1, -1])
def test_it_is_the_outbound_destination_with_the_highest_pressure(order: int) -> None:
    two = [waiting(30, "10.0.0.5:443"), waiting(20, "10.0.0.6:443")][::order]
    worst = known(found(*two, *ACCEPTED).bottleneck)
    assert (worst.name, worst.used, worst.capacity, worst.pressure) == ("10.0.0.5:443", 30, 100, 0.3)
    assert (worst.shared_by, worst.may_bind_first, worst.past_cliff, worst.waits) == (1, False, False, False)
    assert (worst.left_at_least, worst.left_at_most) == (70, 70)


@pytest.mark.parametrize("remote", ["10.0.0.5", "10.0.0.6", "10.0.0.7"])
def test_of_equals_it_is_the_one_that_fails_most(remote: str) -> None:
    all_three = [waiting(50, f"10.0.0.{host}:443") for host in (5, 6, 7)]
    failing = {"10.0.0.5": 3, "10.0.0.6": 3, "10.0.0.7": 3} | {remote: 4}
    worst = known(found(*all_three, failing=failing).bottleneck)
    assert (worst.name, worst.failing) == (f"{remote}:443", (4, 4))
    assert worst.past_cliff


def test_what_fails_at_several_is_that_of_all_of_these() -> None:
    two = [waiting(50, "10.0.0.5:443"), waiting(50, "10.0.0.5:8443")]
    worst = known(found(*two, failing={"10.0.0.5": 30}).bottleneck)
    assert (worst.failed_to, worst.failing) == ("to 443 or 8443", (30, 30))
    assert math.isnan(worst.failed_60s)


@pytest.mark.parametrize(("others", "name"), [(15, HERE), (16, HERE), (17, "10.0.0.7:443")])
def test_it_is_the_address_of_a_client_that_binds_first(others: int, name: str) -> None:
    """It has 20 of 100 ports for two destinations. These are closed to connect(): 16 of 80 are as many."""
    binds = [waiting(10, "10.0.0.5:443", ports=ODD), waiting(10, "10.0.0.6:443", ports=ODD[20:])]
    assert known(found(*binds, waiting(others, "10.0.0.7:443", THERE)).bottleneck).name == name


def test_what_is_told_of_a_client_that_binds_first() -> None:
    binds = [waiting(10, "10.0.0.5:443", ports=ODD), waiting(10, "10.0.0.6:443", ports=ODD[20:])]
    worst = known(found(*binds, failing={}).bottleneck)
    assert (worst.name, worst.destination, worst.shared_by) == (HERE, None, 2)
    assert (worst.used, worst.capacity, worst.pressure) == (20, 100, 0.2)
    assert (worst.past_cliff, worst.failed_at_least, worst.may_bind_first) == (False, False, False)
    assert math.isnan(worst.failed_per_s)


def test_a_destination_goes_before_an_address_that_has_more_left() -> None:
    binds = waiting(12, "10.0.0.5:443", ports=ODD)
    assert known(found(binds, waiting(30, "10.0.0.7:443", THERE)).bottleneck).name == "10.0.0.7:443"


def test_of_clients_that_bind_first_it_is_the_one_with_the_least_left() -> None:
    blocks = [waiting(count, "10.0.0.5:443", f"10.0.0.{host}", ODD) for host, count in ((1, 12), (2, 20), (3, 15))]
    assert known(found(*blocks, waiting(15, "10.0.0.7:443", "10.0.0.4")).bottleneck).name == "10.0.0.2"
