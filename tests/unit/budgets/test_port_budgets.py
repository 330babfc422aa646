"""The port budget of each destination, in described tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.not_none import known
from tests.support.port_reading import PortReading, analyse, described
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.budgets.port_budgets import port_budgets
from twtop.dump.reading import take_reading
from twtop.model import Direction, TcpState, Timer, Timestamps
from twtop.sources.decode import decode

LOW, HIGH = 40_000, 40_099
DESTINATION = ("10.0.0.1", "10.0.0.5", 443)
MAY_HOLD_A_PORT = [state.name for state in TcpState if state not in (TcpState.LISTEN, TcpState.CLOSE)]


def connections(*lports: int, state: str = "ESTABLISHED", remaining: float | None = None) -> Block:
    """Connections to the destination of this file."""
    timer = {} if remaining is None else {"remaining": remaining}
    return many("10.0.0.1", "10.0.0.5:443", state, lports=lports, **timer)


def budget(*blocks: Block, **sysctls: object) -> dict[str, float]:
    """The figures of the destination's budget."""
    reading = described(*blocks, port_range=(LOW, HIGH), **sysctls)  # type: ignore[arg-type]
    return row(reading)


def row(reading: PortReading) -> dict[str, float]:
    destination = reading.find(DESTINATION)
    assert destination is not None
    names = ("used", "time_wait", "reusable", "capacity", "probes_per_connect", "past_cliff", "pressure")
    return {name: float(getattr(reading.budgets, name)[destination]) for name in (*names, "max_per_s", "full_in_s")}


@pytest.mark.parametrize("state", MAY_HOLD_A_PORT)
def test_a_port_is_used_in_every_state_but_listen(state: str) -> None:
    assert budget(connections(40_000), connections(40_002, state=state))["used"] == 2


def test_a_budget_belongs_to_one_tuple_alone() -> None:
    others = [
        sock("10.0.0.2:40000", "10.0.0.5:443"),
        sock("10.0.0.1:40000", "10.0.0.6:443"),
        sock("10.0.0.1:40000", "10.0.0.5:444"),
        sock("[fd00::1]:40000", "[fd00::5]:443"),
    ]
    assert budget(connections(40_000, 40_002), *others)["used"] == 2


def test_mapped_ipv6_shares_the_ipv4_budget() -> None:
    assert budget(connections(40_000), sock("[::ffff:10.0.0.1]:40002", "[::ffff:10.0.0.5]:443"))["used"] == 2


@pytest.mark.parametrize(
    ("other", "capacity"),
    [
        (sock("10.0.0.2:40010", state="LISTEN"), 99),
        (sock("0.0.0.0:40010", state="LISTEN"), 99),
        (sock("[fd00::9]:40010", state="LISTEN"), 99),
        (sock("10.0.0.2:40010", state="CLOSE"), 99),
        (sock("[::1]:40010", state="CLOSE"), 99),
        (sock("10.0.0.2:39999", state="LISTEN"), 100),
        (sock("10.0.0.2:40100", state="CLOSE"), 100),
        (many("10.0.0.2", state="LISTEN", lports=[40_010, 40_010, 40_011]), 98),
    ],
)
def test_a_port_that_is_bound_on_any_address_is_missing_from_every_budget(other: Block, capacity: int) -> None:
    assert budget(connections(40_000), other)["capacity"] == capacity


@pytest.mark.parametrize(
    ("reserved", "capacity"), [("", 100), ("40010", 99), ("40010-40019,40050", 89), ("1-65535", 0), ("39000-40000", 99)]
)
def test_reserved_ports_are_missing_from_every_budget(reserved: str, capacity: int) -> None:
    assert described(port_range=(LOW, HIGH), reserved=reserved).ports.capacity == capacity


def test_a_port_counts_only_while_connect_can_choose_it() -> None:
    """connect() chose 40010 before another address listened on it. It is now neither used nor free."""
    both = budget(connections(40_000, 40_010), sock("10.0.0.2:40010", state="LISTEN"))
    assert (both["used"], both["capacity"]) == (1, 99)


@pytest.mark.parametrize(
    ("tw_reuse", "local", "remote", "reusable"),
    [
        *((0, "127.0.0.1", "127.0.0.5", 0), (0, "10.0.0.1", "10.0.0.5", 0)),
        *((1, "127.0.0.1", "127.0.0.5", 1), (1, "10.0.0.1", "10.0.0.5", 1)),
        *((2, "127.0.0.1", "127.0.0.5", 1), (2, "10.0.0.1", "10.0.0.5", 0), (2, "10.0.0.1", "127.0.0.5", 1)),
        *(
            (2, "[::1]", "[::1]", 1),
            (2, "[fd00::1]", "[fd00::5]", 0),
            (2, "[::ffff:127.0.0.1]", "[::ffff:10.0.0.5]", 1),
        ),
    ],
)
def test_tw_reuse_says_between_whom_a_time_wait_may_be_taken_over(
    tw_reuse: int, local: str, remote: str, reusable: int
) -> None:
    seen = described(sock(f"{local}:41000", f"{remote}:443", "TIME_WAIT", remaining=50), tw_reuse=tw_reuse)
    assert seen.budgets.reusable.tolist() == [reusable]
    assert seen.budgets.pressure == pytest.approx((1 - reusable) / 28_232)


def test_with_tw_reuse_2_loopback_alone_bears_the_rate_of_reuse() -> None:
    """Both in one dump: a port to a loopback address comes back after a second, one to another host after 62.048."""
    inside = many("127.0.0.1", "127.0.0.5:443", "TIME_WAIT", lports=[40_000, 40_002], remaining=59.5)
    seen = described(inside, connections(40_000, state="TIME_WAIT", remaining=59.5), port_range=(LOW, HIGH), tw_reuse=2)
    found = [seen.find(ends) for ends in (("127.0.0.1", "127.0.0.5", 443), DESTINATION)]
    assert [seen.budgets.max_per_s[each] for each in found] == pytest.approx([100, 100 / 62.048])


@pytest.mark.parametrize(
    ("delay", "remaining", "reusable"),
    [(1000, 59.0, 0), (1000, 58.996, 1), (1, 59.996, 1), (1, 60, 0), (None, 59.0, 0), (None, 58.996, 1), (1000, 0, 1)],
)
def test_a_time_wait_is_reusable_once_it_is_older_than_the_delay(
    delay: int | None, remaining: float, reusable: int
) -> None:
    """The delay is a second where the kernel has no tcp_tw_reuse_delay."""
    waiting = connections(40_000, state="TIME_WAIT", remaining=remaining)
    assert budget(waiting, tw_reuse=1, tw_reuse_delay=delay)["reusable"] == reusable


def test_only_time_wait_is_reusable_and_only_with_timestamps() -> None:
    waiting = connections(40_000, state="TIME_WAIT", remaining=10)
    half_closed = many("10.0.0.1:40002", "10.0.0.5:443", "FIN_WAIT2", timer=Timer.TIMEWAIT, remaining=10)
    live = connections(40_004)
    assert budget(waiting, half_closed, live, tw_reuse=1)["reusable"] == 1
    assert budget(waiting, half_closed, live, tw_reuse=1, timestamps=0)["reusable"] == 0


@pytest.mark.parametrize("unknown", ["tw_reuse", "timestamps"])
def test_what_is_reusable_is_unknown_without_the_sysctls(unknown: str) -> None:
    seen = budget(connections(40_000, state="TIME_WAIT", remaining=10), **{"tw_reuse": 1, unknown: None})
    assert np.isnan(seen["reusable"])
    assert seen["pressure"] == 0.01


@pytest.mark.parametrize(("low", "high", "skipped"), [(40_000, 40_099, 0), (40_000, 40_100, 1), (40_001, 40_001, 0)])
def test_connect_may_skip_one_port_of_an_odd_range(low: int, high: int, skipped: int) -> None:
    """Its capacity is still the whole range."""
    ports = described(port_range=(low, high)).ports
    assert (ports.skipped_ports, ports.capacity) == (skipped, high - low + 1)


def test_a_budget_is_full_when_connect_may_fail() -> None:
    """In an odd range connect() may fail with one port left, in an even one it does not."""
    odd, even = (described(connections(*range(LOW, high)), port_range=(LOW, high)) for high in (HIGH + 1, HIGH))
    assert [row(each)["full_in_s"] for each in (odd, even)] == [0, np.inf]
    assert [each.left(DESTINATION) for each in (odd, even)] == [1, 1]


def test_behind_a_listener_the_clients_ports_are_counted() -> None:
    seen = described(
        sock("10.0.0.1:80", state="LISTEN"),
        many("10.0.0.1:80", "10.0.0.5", "TIME_WAIT", rports=range(1024, 2024)),
        many("10.0.0.1:80", "10.0.0.5", rports=range(3000, 3010)),
    ).budgets
    assert (seen.used.tolist(), seen.time_wait.tolist(), seen.capacity.tolist()) == ([1010], [1000], [64_512])
    for nothing in (seen.reusable, seen.probes_per_connect, seen.max_per_s, seen.full_in_s):
        assert np.isnan(nothing).all()
    assert not seen.past_cliff.any()


def test_an_unknown_direction_has_no_budget() -> None:
    seen = described(sock("10.0.0.1:800", "10.0.0.5:2049"))
    assert seen.reading.destinations.direction.tolist() == [Direction.UNKNOWN]
    assert seen.budgets.used.tolist() == [1]
    assert np.isnan([seen.budgets.capacity[0], seen.budgets.max_per_s[0], seen.budgets.full_in_s[0]]).all()


@given(st.sets(st.integers(LOW + 1, HIGH), min_size=1), st.sampled_from([LOW, LOW + 1]))
def test_the_cliff_is_where_the_parity_of_the_low_end_is_used_up(taken: set[int], low: int) -> None:
    """A search for one of f free ports among n in random order takes (n + 1) / (f + 1) tries in the mean."""
    first, second = set(range(low, HIGH + 1, 2)), set(range(low + 1, HIGH + 1, 2))
    tries = (len(first) + 1) / (len(first - taken) + 1)
    if first <= taken:
        tries = len(first) + (len(second) + 1) / (len(second - taken) + 1)
    seen = row(described(connections(*taken), port_range=(low, HIGH)))
    assert bool(seen["past_cliff"]) == (first <= taken)
    assert seen["probes_per_connect"] == pytest.approx(tries)


def test_ports_that_connect_may_take_over_are_free_for_its_search() -> None:
    half = range(LOW, HIGH, 2)
    waiting = connections(*half, state="TIME_WAIT", remaining=10)
    assert budget(waiting)["past_cliff"]
    assert not budget(waiting, tw_reuse=1)["past_cliff"]
    assert budget(waiting, tw_reuse=1)["probes_per_connect"] == 1


def test_the_sustainable_rate_is_that_of_the_ports_that_are_not_open() -> None:
    """Of 100 ports 39 stay open. The others can be taken again every 62.048 s, or with reuse every second."""
    live = connections(*range(LOW, LOW + 39))
    assert budget(live)["max_per_s"] == pytest.approx(61 / 62.048)
    assert budget(live, tw_reuse=1)["max_per_s"] == pytest.approx(61)
    assert budget(live, tw_reuse=1, tw_reuse_delay=100)["max_per_s"] == pytest.approx(610)
    assert budget(connections(*range(LOW, HIGH + 1)))["max_per_s"] == 0


def test_a_full_budget_is_full_now() -> None:
    full = budget(connections(*range(LOW, HIGH + 1), state="TIME_WAIT", remaining=30))
    assert (full["pressure"], full["full_in_s"], full["probes_per_connect"]) == (1, 0, 101)
    reusable = budget(connections(*range(LOW, HIGH + 1), state="TIME_WAIT", remaining=30), tw_reuse=1)
    assert (reusable["pressure"], reusable["full_in_s"]) == (0, np.inf)


def left(*blocks: Block, high: int = HIGH, peers: Timestamps = Timestamps.USED, tw_reuse: int = 1) -> dict[str, float]:
    """What is left of the destination's budget, and what connect() may take over."""
    reading = described(*blocks, port_range=(LOW, high), peers=peers, tw_reuse=tw_reuse)
    at, names = known(reading.find(DESTINATION)), ("reusable", "reusable_at_most", "left_at_least", "left_at_most")
    return {name: float(getattr(reading.budgets, name)[at]) for name in names}


def test_what_is_left_is_a_range_where_the_peers_timestamps_are_unknown() -> None:
    """Twenty are old enough; five are not."""
    waiting = [connections(*range(LOW, LOW + 40, 2), state="TIME_WAIT", remaining=30)]
    waiting += [connections(*range(LOW + 1, LOW + 10, 2), state="TIME_WAIT", remaining=59.5)]
    used, unknown, not_used = (
        left(*waiting, peers=each) for each in (Timestamps.USED, Timestamps.UNKNOWN, Timestamps.NOT_USED)
    )
    assert [*used.values()] == [20, 20, 95, 95]
    assert [*unknown.values()] == pytest.approx([np.nan, 20, 75, 95], nan_ok=True)
    assert [*not_used.values()] == [0, 0, 75, 75]


@pytest.mark.parametrize("peers", [Timestamps.USED, Timestamps.UNKNOWN])
def test_without_timers_nobody_knows_which_time_wait_are_old_enough(peers: Timestamps) -> None:
    silent = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, LOW + 40, 2), timer=0)
    assert [*left(silent, peers=peers).values()] == pytest.approx([np.nan, 20, 80, 100], nan_ok=True)
    assert [*left(silent, tw_reuse=0).values()] == [0, 0, 80, 80]


def test_ports_that_others_may_have_bound_and_one_that_connect_may_skip_are_perhaps_not_left() -> None:
    """A connection of unknown direction may be an accepted one, whose listener is gone."""
    own, other = connections(40_000, 40_002), sock("10.0.0.1:40004", "10.0.1.1:50000")
    assert [left(own, other)[name] for name in ("left_at_least", "left_at_most")] == [97, 98]
    assert [left(own, other, high=HIGH + 1)[name] for name in ("left_at_least", "left_at_most")] == [97, 99]
    assert left(own, high=HIGH + 1)["left_at_least"] == 98


def test_only_a_full_budget_waits_for_a_port() -> None:
    """With reuse it is not full, though all its ports are taken."""
    all_ports = connections(*range(LOW, HIGH + 1), state="TIME_WAIT", remaining=30)
    some = connections(*range(LOW, HIGH), state="TIME_WAIT", remaining=30)
    full, reused, one_left = (
        described(block, port_range=(LOW, HIGH), tw_reuse=reuse).budgets
        for block, reuse in ((all_ports, 0), (all_ports, 1), (some, 0))
    )
    assert [each.waits.tolist() for each in (full, reused, one_left)] == [[True], [False], [False]]
    assert 30 < full.next_free_s[0] <= 32.048
    assert np.isnan([reused.next_free_s[0], one_left.next_free_s[0]]).all()


def test_ports_of_a_client_that_binds_first_count_for_its_destination_and_are_closed_to_others() -> None:
    """bind() prefers the odd ones in a range that begins with an even one."""
    binds = connections(*range(LOW + 1, LOW + 41, 2), state="TIME_WAIT", remaining=30)
    other = many("10.0.0.2", "10.0.0.5:443", lports=range(LOW, LOW + 20, 2))
    seen = described(binds, other, port_range=(LOW, HIGH))
    rows = [known(seen.find((local, "10.0.0.5", 443))) for local in ("10.0.0.1", "10.0.0.2")]
    assert [(seen.budgets.used[at], seen.budgets.capacity[at]) for at in rows] == [(20, 80), (10, 80)]


def test_later_readings_are_told_what_no_timer_ends() -> None:
    blocks = connections(*range(LOW, LOW + 20)), connections(*range(LOW + 50, LOW + 57), state="TIME_WAIT", remaining=9)
    seen = described(*blocks, port_range=(LOW, HIGH))
    assert seen.budgets.state(seen.reading.names).live.tolist() == [20]


@pytest.mark.parametrize(
    ("even", "odd", "probes"), [(1, 0, 51 / 50), (49, 0, 51 / 2), (50, 0, 51), (50, 10, 50 + 51 / 41), (50, 50, 101)]
)
def test_the_ports_that_a_connect_tries(even: int, odd: int, probes: float) -> None:
    """Of 50 with one free about half, and past the cliff all of them and some of the other 50."""
    taken = [*range(LOW, LOW + 2 * even, 2), *range(LOW + 1, LOW + 1 + 2 * odd, 2)]
    assert budget(connections(*taken))["probes_per_connect"] == pytest.approx(probes)


def test_nothing_is_left_of_a_full_budget() -> None:
    assert [*left(connections(*range(LOW, HIGH + 1)), tw_reuse=0).values()] == [0, 0, 0, 0]


def test_a_full_budget_gets_ports_back_as_its_timers_run_out() -> None:
    """The first after 20 s and the next move of the wheel, ten per second from then on."""
    waiting = many(
        "10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, HIGH + 1), remaining=20 + np.arange(100) / 10
    )
    found = described(waiting, port_range=(LOW, HIGH)).budgets
    assert 20 < found.next_free_s[0] <= 22.048
    assert found.freed_per_s == pytest.approx([10])


def test_with_reuse_ports_come_back_once_they_are_older_than_the_delay() -> None:
    """The oldest of 99 is 2.96 s old, and the delay is 10 s. A closed FIN_WAIT2 is never taken over."""
    waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, HIGH), remaining=59 - np.arange(99) / 50)
    closed = many("10.0.0.1", "10.0.0.5:443", "FIN_WAIT2", lports=[HIGH], timer=Timer.TIMEWAIT, remaining=1)
    found = described(waiting, closed, port_range=(LOW, HIGH), tw_reuse=1, tw_reuse_delay=10_000).budgets
    assert found.full_in_s.tolist() == [0]
    assert 1 < found.next_free_s[0] <= 3.048
    alone = described(waiting, connections(HIGH), port_range=(LOW, HIGH), tw_reuse=1, tw_reuse_delay=10_000).budgets
    assert alone.next_free_s == pytest.approx([7.04])
    assert alone.freed_per_s == pytest.approx([50])


def test_without_the_port_range_only_what_is_used_is_known() -> None:
    sample = make_sample(connections(40_000, 40_002), sock("10.0.0.1:80", state="LISTEN"), port_range=None)
    found = port_budgets(take_reading(decode(sample)))
    assert found.used.tolist() == [2]
    assert np.isnan([found.capacity[0], found.probes_per_connect[0], found.left_at_most[0], found.full_in_s[0]]).all()
    assert found.past_cliff.tolist() == [False]


@pytest.mark.parametrize(("buckets", "fills"), [(4000, True), (2000, True), (1200, False)])
def test_a_destination_has_its_part_of_the_buckets(buckets: int, fills: bool) -> None:
    """Of 40 closed per second 30 are to it. 1860 at a time would fill 1000 ports, and so would 1500; 900 do not."""
    age = np.arange(0, 20, 1 / 40)
    first = np.arange(len(age)) % 4 > 0
    blocks = [
        many("10.0.0.1", remote, "TIME_WAIT", lports=LOW + np.arange(rows.sum()), remaining=60 - age[rows])
        for remote, rows in (("10.0.0.5:443", first), ("10.0.0.6:443", ~first))
    ]
    sample = make_sample(*blocks, port_range=(LOW, LOW + 999), tw_reuse=0, max_tw_buckets=buckets)
    seen = analyse(decode(sample))
    full_in_s = seen.budgets.full_in_s[known(seen.find(DESTINATION))]
    assert full_in_s == pytest.approx(400 / 30, rel=0.05) if fills else full_in_s == np.inf


def test_it_is_immutable() -> None:
    found = described(connections(40_000), port_range=(LOW, HIGH)).budgets
    columns = (found.used, found.pressure, found.past_cliff, found.limit.full_at)
    assert not any(column.flags.writeable for column in columns)


def test_without_sockets_there_are_no_budgets() -> None:
    assert len(described().budgets.used) == 0


def asked(*blocks: Block, direction: Direction = Direction.OUTBOUND) -> list[float]:
    """The connections per second of each destination in that direction."""
    reading = described(*blocks, port_range=(LOW, HIGH), tw_reuse=0)
    chosen = reading.reading.destinations.direction == direction
    return [round(float(each), 2) for each in reading.budgets.new_per_s[chosen]]


YOUNG = connections(*range(40_000, 40_020), state="TIME_WAIT", remaining=55)


def test_what_was_accepted_is_counted_whatever_its_port() -> None:
    accepted = many("10.0.0.1:80", "10.0.0.9", "TIME_WAIT", rports=range(2000, 2020), remaining=55)
    listeners = [sock("10.0.0.1:80", state="LISTEN"), sock("10.0.0.1:40050", state="LISTEN")]
    in_the_range = many("10.0.0.1:40050", "10.0.0.9", "TIME_WAIT", rports=range(2000, 2020), remaining=55)
    both = (accepted, in_the_range, *listeners)
    (per_s,) = asked(YOUNG)
    assert per_s > 0
    assert asked(*both, direction=Direction.INBOUND) == [per_s, per_s]
    assert asked(*both, YOUNG) == [per_s]


def test_what_is_on_a_port_that_another_holds_was_not_asked_of_connect() -> None:
    """A socket that is bound to it came later, or earlier: the budget of connect() is without the port."""
    bound = [sock(f"10.0.0.2:{port}", state="CLOSE") for port in range(40_000, 40_010)]
    (half,) = asked(YOUNG, *bound)
    (per_s,) = asked(YOUNG)
    assert half == pytest.approx(per_s / 2)
