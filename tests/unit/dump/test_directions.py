"""Directions that a state proves, and those that an earlier dump told."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.sock_diag_dump import Block, make_sample, many, sock
from tests.unit.dump.test_destinations import directions
from twtop.analysis.analysis import Analyst
from twtop.model import Direction, Snapshot
from twtop.sources.decode import decode

OUT, IN, UNKNOWN = Direction.OUTBOUND, Direction.INBOUND, Direction.UNKNOWN
SERVICE = "10.0.0.1:41000"
ACCEPTED = sock(SERVICE, "10.0.0.9:443", "TIME_WAIT")


def table(*blocks: Block, at: float = 0) -> Snapshot:
    return decode(make_sample(*blocks, at=at))


def told(analyst: Analyst, snapshot: Snapshot) -> list[Direction]:
    """What a run says of the directions of the next dump."""
    return [Direction(each) for each in analyst.analyse(snapshot).direction]


@pytest.mark.parametrize("lport", [800, 41_000, 65_000])
def test_a_syn_sent_is_outbound_and_a_syn_recv_inbound(lport: int) -> None:
    for state, expected in (("SYN_SENT", OUT), ("SYN_RECV", IN), ("ESTABLISHED", UNKNOWN)):
        assert directions(sock(f"10.0.0.1:{lport}", "10.0.0.5:65001", state)) == [expected]


def test_a_syn_sent_is_outbound_even_without_a_known_range_and_behind_a_listener() -> None:
    opening = sock(SERVICE, "10.0.0.5:443", "SYN_SENT")
    assert directions(opening, port_range=None) == [OUT]
    assert directions(sock(SERVICE, state="LISTEN"), opening)[1] is OUT


def test_where_one_opens_a_connection_the_others_are_clients_too() -> None:
    opening = sock("10.0.0.1:41001", "10.0.0.5:50051", "SYN_SENT")
    same, another = sock("10.0.0.2:41002", "10.0.0.5:50051"), sock("10.0.0.2:41002", "10.0.0.6:50052")
    assert directions(opening, same) == [OUT, OUT]
    assert directions(opening, another) == [OUT, UNKNOWN]


@pytest.mark.parametrize("listener", [SERVICE, "0.0.0.0:41000", "[::]:41000", "[::ffff:10.0.0.1]:41000"])
def test_what_a_listener_accepted_stays_inbound(listener: str) -> None:
    analyst = Analyst()
    assert told(analyst, table(sock(listener, state="LISTEN"), ACCEPTED)) == [UNKNOWN, IN]
    assert [told(analyst, table(ACCEPTED, at=at)) for at in (1, 2, 200)] == [[IN]] * 3
    assert told(Analyst(), table(ACCEPTED)) == [OUT]


@pytest.mark.parametrize("listener", ["10.0.0.2:41000", "10.0.0.1:41001", "[::1]:41000"])
def test_what_another_listener_owned_does_not(listener: str) -> None:
    analyst = Analyst()
    analyst.analyse(table(sock(listener, state="LISTEN"), ACCEPTED))
    assert told(analyst, table(ACCEPTED, at=1)) == [OUT]


def test_what_came_between_its_last_dump_and_the_end_of_a_listener_is_inbound() -> None:
    analyst = Analyst()
    analyst.analyse(table(sock(SERVICE, state="LISTEN")))
    assert told(analyst, table(ACCEPTED, at=1)) == [IN]


def test_what_comes_later_is_judged_anew() -> None:
    analyst = Analyst()
    analyst.analyse(table(sock(SERVICE, state="LISTEN")))
    analyst.analyse(table(at=1))
    assert told(analyst, table(ACCEPTED, at=2)) == [OUT]


def test_after_a_long_pause_only_connections_are_known_again() -> None:
    """Another socket may have got the port of the listener meanwhile."""
    analyst, stays = Analyst(), sock(SERVICE, "10.0.0.9:443")
    analyst.analyse(table(sock(SERVICE, state="LISTEN")))
    assert told(analyst, table(stays, at=61)) == [OUT]
    analyst.analyse(table(sock(SERVICE, state="LISTEN"), stays, at=62))
    analyst.analyse(table(stays, at=63))
    assert told(analyst, table(stays, sock(SERVICE, "10.0.0.9:444"), at=300)) == [IN, OUT]


def test_a_part_of_the_sockets_neither_adds_nor_forgets() -> None:
    analyst = Analyst()
    analyst.analyse(table(sock(SERVICE, state="LISTEN"), ACCEPTED))
    assert told(analyst, replace(table(at=1), part=True)) == []
    assert told(analyst, table(ACCEPTED, at=2)) == [IN]


def test_the_last_of_several_connections_to_a_service_stays_outbound() -> None:
    analyst = Analyst()
    last, other = sock("10.0.0.1:41001", "10.0.0.5:50051"), sock("10.0.0.1:41002", "10.0.0.5:50051")
    assert told(analyst, table(last, other)) == [OUT, OUT]
    assert [told(analyst, table(last, at=at)) for at in (1, 2)] == [[OUT], [OUT]]
    assert told(analyst, table(last, sock("10.0.0.1:41003", "10.0.0.6:50051"), at=3)) == [OUT, OUT]
    assert told(Analyst(), table(last)) == [UNKNOWN]


def test_what_is_remembered_is_no_more_than_what_is_there() -> None:
    analyst = Analyst()
    ports = np.arange(41_000, 42_000)
    for tick in range(5):
        accepted = many("10.0.0.1", "10.0.0.9", "TIME_WAIT", lports=ports + 1000 * tick, rports=443)
        listeners = many("10.0.0.1", state="LISTEN", lports=ports + 1000 * tick)
        analyst.analyse(table(listeners, accepted, at=2 * tick))
        known = analyst.analyse(table(accepted, at=2 * tick + 1)).reading.known().directions
        assert known is not None
        assert (len(known.inherited.names), len(known.listeners.port)) == (1000, 0)
        assert len(known.outbound.names) == len(known.destinations) == 0
