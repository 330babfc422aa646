"""Who owns what has no descriptor any more: what was seen counts, what is inferred is marked, else it is unknown."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.support.known_owners import Owner, owned, owner_of_each
from tests.support.sock_diag_dump import Block, encode, many, sock
from twtop.model import Process, Sockets, Timer
from twtop.processes.attribution import OwnerTracker, hint
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import NOBODY, holders, holders_by_pid
from twtop.processes.sightings import Sighting
from twtop.sources.decode_sock_diag import decode_dump

NGINX, OTHER_NGINX, WRK, CURL = Process(10, "nginx"), Process(7, "nginx"), Process(20, "wrk"), Process(30, "curl")
HOLDERS = {1: NGINX, 2: OTHER_NGINX, 3: WRK, 4: CURL}


def dump(*blocks: Block) -> Sockets:
    return decode_dump(encode(*blocks))


def infer(*blocks: Block, by_inode: Mapping[int, Process] = HOLDERS) -> Owner:
    """The owner of the first socket among these."""
    return owner_of_each(owned(dump(*blocks), by_inode))[0]


WAITING = sock("10.0.0.1:40000", "10.0.0.5:443", "TIME_WAIT")


def to_the_same(inode: int, lport: int = 40001, uid: int = 0) -> Block:
    return sock(f"10.0.0.1:{lport}", "10.0.0.5:443", inode=inode, uid=uid)


# From the same destination


def test_all_that_goes_to_the_same_destination_is_of_one_process() -> None:
    assert infer(WAITING, to_the_same(3)) == "wrk?"
    assert infer(WAITING, to_the_same(1), to_the_same(2, 40002)) == "nginx?"
    assert owned(dump(WAITING, to_the_same(1), to_the_same(2, 40002)), HOLDERS).processes[0] is OTHER_NGINX


def test_two_names_are_one_too_many() -> None:
    assert infer(WAITING, to_the_same(3), to_the_same(4, 40002)) is None


@pytest.mark.parametrize(
    "other",
    [
        sock("10.0.0.2:40001", "10.0.0.5:443", inode=3),
        sock("10.0.0.1:40001", "10.0.0.6:443", inode=3),
        sock("10.0.0.1:40001", "10.0.0.5:444", inode=3),
        sock("10.0.0.5:443", "10.0.0.1:40001", inode=3),
        sock("10.0.0.1:40001", state="CLOSE", inode=3),
    ],
)
def test_another_destination_tells_nothing(other: Block) -> None:
    assert infer(WAITING, other) is None


def test_a_mapped_address_is_the_same() -> None:
    assert infer(WAITING, sock("[::ffff:10.0.0.1]:40001", "[::ffff:10.0.0.5]:443", inode=3)) == "wrk?"


def test_a_name_that_could_not_be_read_is_no_owner() -> None:
    assert infer(WAITING, to_the_same(3), by_inode={3: Process(9, "")}) is None


def test_a_live_socket_that_is_not_found_yet_matters_only_as_another_users() -> None:
    assert infer(WAITING, to_the_same(3, uid=1000), to_the_same(9, 40002, uid=1000)) == "wrk?"
    assert infer(WAITING, to_the_same(3, uid=1000), to_the_same(9, 40002, uid=0)) is None


# From the listener

ACCEPTED = sock("10.0.0.1:80", "10.0.0.9:50000", "TIME_WAIT")


@pytest.mark.parametrize(
    ("listeners", "owner"),
    [
        (["10.0.0.1:80"], "curl?"),
        (["0.0.0.0:80"], "curl?"),
        (["[::]:80"], "curl?"),
        (["[::ffff:10.0.0.1]:80"], "curl?"),
        (["10.0.0.2:80"], None),
        (["0.0.0.0:81"], None),
        (["10.0.0.1:80", "0.0.0.0:80"], "curl?"),
        (["0.0.0.0:80", "[::]:80"], "curl?"),
        (["10.0.0.1:80", "10.0.0.1:80"], None),
    ],
)
def test_the_nearest_listener(listeners: list[str], owner: Owner) -> None:
    """Curl has the first, wrk the second."""
    held = [sock(at, state="LISTEN", inode=inode) for at, inode in zip(listeners, (4, 3), strict=False)]
    assert infer(ACCEPTED, *held) == owner


def test_ipv6_is_not_taken_by_ipv4() -> None:
    accepted = sock("[fd00::1]:80", "[fd00::9]:50000", "TIME_WAIT")
    assert infer(accepted, sock("0.0.0.0:80", state="LISTEN", inode=4)) is None
    assert infer(accepted, sock("[::]:80", state="LISTEN", inode=4)) == "curl?"


def test_a_listener_counts_more_than_the_same_destination() -> None:
    listening = sock("0.0.0.0:40000", state="LISTEN", inode=1)
    assert infer(WAITING, listening, to_the_same(3)) == "nginx?"
    assert infer(WAITING, sock("0.0.0.0:40000", state="LISTEN", inode=99), to_the_same(3)) is None


@pytest.mark.parametrize(
    ("state", "timer", "owner"),
    [
        ("TIME_WAIT", Timer.TIMEWAIT, "nginx?"),
        ("FIN_WAIT2", Timer.TIMEWAIT, "nginx?"),
        ("LAST_ACK", Timer.RETRANSMIT, "nginx?"),
        ("SYN_RECV", Timer.RETRANSMIT, "nginx?"),
        ("ESTABLISHED", Timer.OFF, "nginx?"),
    ],
)
def test_all_that_has_no_descriptor(state: str, timer: Timer, owner: Owner) -> None:
    listening = sock("0.0.0.0:80", state="LISTEN", inode=1)
    assert infer(sock("10.0.0.1:80", "10.0.0.9:50000", state, timer=timer), listening) == owner


def test_what_has_a_descriptor_is_not_guessed() -> None:
    listening = sock("0.0.0.0:80", state="LISTEN", inode=1)
    assert infer(sock("10.0.0.1:80", "10.0.0.9:50000", inode=99), listening) is None


# What was seen

LIVE, CLOSED = to_the_same(3), sock("10.0.0.1:40001", "10.0.0.5:443", "TIME_WAIT")


def test_who_was_seen_to_hold_it_is_remembered_and_not_inferred() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(LIVE), holders(HOLDERS.items()))
    for _ in range(3):
        assert owner_of_each(tracker.assign(dump(CLOSED), NOBODY)) == ["wrk 20"]


def test_a_remembered_owner_is_evidence_for_others() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(LIVE), holders(HOLDERS.items()))
    assert owner_of_each(tracker.assign(dump(CLOSED, WAITING), NOBODY)) == ["wrk 20", "wrk?"]
    mixed = dump(CLOSED, WAITING, to_the_same(4, 40002))
    assert owner_of_each(tracker.assign(mixed, holders(HOLDERS.items()))) == ["wrk 20", None, "curl 30"]


def test_who_is_found_after_the_close_was_seen_too() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(LIVE), NOBODY)
    assert owner_of_each(tracker.assign(dump(CLOSED), holders(HOLDERS.items()))) == ["wrk 20"]
    assert owner_of_each(tracker.assign(dump(CLOSED), NOBODY)) == ["wrk 20"]


def test_the_same_dump_again_with_more_holders() -> None:
    tracker = OwnerTracker()
    assert owner_of_each(tracker.assign(dump(LIVE), NOBODY)) == [None]
    assert owner_of_each(tracker.assign(dump(LIVE), holders(HOLDERS.items()))) == ["wrk 20"]
    assert owner_of_each(tracker.assign(dump(CLOSED), NOBODY)) == ["wrk 20"]


def test_a_holder_that_the_source_tells_is_remembered_too() -> None:
    """It tells a pid and no inode."""
    live, closed = dump(to_the_same(0)), dump(CLOSED)
    tracker, told_by_source = OwnerTracker(), holders_by_pid({20: WRK})
    assert owner_of_each(tracker.assign(replace(live, pid=np.array([20], np.uint32)), told_by_source)) == ["wrk 20"]
    assert owner_of_each(tracker.assign(closed, holders_by_pid({}))) == ["wrk 20"]


def test_what_is_gone_is_forgotten() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(LIVE), holders(HOLDERS.items()))
    assert owner_of_each(tracker.assign(dump(WAITING), NOBODY)) == [None]
    owners = tracker.assign(dump(CLOSED), NOBODY)
    assert (owner_of_each(owners), owners.processes) == ([None], ())


def test_a_tuple_that_lives_again_is_its_new_holders() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(LIVE), holders(HOLDERS.items()))
    tracker.assign(dump(CLOSED), NOBODY)
    assert owner_of_each(tracker.assign(dump(to_the_same(4)), NOBODY)) == [None]
    assert owner_of_each(tracker.assign(dump(CLOSED), holders(HOLDERS.items()))) == ["curl 30"]


def test_a_time_wait_that_was_taken_over_meanwhile_is_another_one() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(LIVE), holders(HOLDERS.items()))
    closed, anew = (replace(dump(CLOSED), identity=np.array([number], np.uint64)) for number in (8, 9))
    assert owner_of_each(tracker.assign(closed, NOBODY)) == ["wrk 20"]
    assert owner_of_each(tracker.assign(anew, NOBODY)) == [None]


def test_a_guess_is_not_remembered() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(WAITING, LIVE), holders(HOLDERS.items()))
    assert owner_of_each(tracker.assign(dump(WAITING), NOBODY)) == [None]


def test_each_of_many_tuples_is_told_from_the_others() -> None:
    """Five differ only in one part each; and there are twenty thousand more."""
    count = 20_000
    near = ["10.0.0.1:1000", "10.0.0.1:1001", "10.0.0.2:1000", "10.0.0.1:1000", "10.0.0.1:1000", "[fd00::1]:1000"]
    far = ["10.0.0.5:80", "10.0.0.5:80", "10.0.0.5:80", "10.0.0.5:81", "10.0.0.6:80", "[fd00::5]:80"]
    ports, numbers = np.arange(count) % 60_000 + 1, np.arange(100, count + 100)
    lives = [sock(here, there, inode=i) for i, (here, there) in enumerate(zip(near, far, strict=True), 10)]
    lives.append(many("10.0.0.3", "10.0.0.5:80", lports=ports, inode=numbers))
    waits = [sock(here, there, "TIME_WAIT") for here, there in zip(near, far, strict=True)]
    waits.append(many("10.0.0.3", "10.0.0.5:80", "TIME_WAIT", lports=ports))
    by_inode = {inode: Process(inode, f"p{inode}") for inode in [*range(10, 16), *numbers.tolist()]}
    tracker = OwnerTracker()
    tracker.assign(dump(*lives), holders(by_inode.items()))
    owners = tracker.assign(dump(*waits[::-1]), NOBODY)
    expected = [*numbers.tolist(), 15, 14, 13, 12, 11, 10]
    assert [owners.processes[code].pid for code in owners.process] == expected


# What may not be seen


def test_hidden_are_other_users_sockets_that_a_search_did_not_find() -> None:
    search = Search("/nowhere")
    sockets = dump(*(to_the_same(inode, 40000 + inode, uid) for inode, uid in ((5, 0), (6, 1000), (7, 1001))), WAITING)
    assert OwnerTracker(1000).assign(sockets, search.holders).hidden == 0
    search.want(sockets.inode)
    search.finish()
    assert OwnerTracker(1000).assign(sockets, search.holders).hidden == 2
    assert OwnerTracker(1000).assign(sockets, holders([(5, NGINX)], search.holders)).hidden == 1


def test_the_hint_says_what_to_do() -> None:
    assert "1,234 sockets" in hint(1234, uid=1000)
    assert "as root" in hint(1, uid=1000)
    assert "root" not in hint(1, uid=0)


# What was seen between two dumps


def sighting(*blocks: Block, of: Process = WRK) -> Sighting:
    return Sighting(1000.0, dump(*blocks), np.zeros(len(blocks), np.int32), (of,))


def test_who_was_met_between_two_dumps_was_seen_and_its_destination_is_of_it() -> None:
    owners = OwnerTracker().assign(dump(CLOSED, WAITING), NOBODY, (sighting(LIVE),))
    assert owner_of_each(owners) == ["wrk 20", "wrk?"]
    assert owners.met.tolist() == [False, True]


def test_a_sighting_tells_of_a_destination_even_if_its_connection_is_gone() -> None:
    owners = OwnerTracker().assign(dump(WAITING), NOBODY, (sighting(LIVE),))
    assert owner_of_each(owners) == ["wrk?"]


@pytest.mark.parametrize(
    "other",
    [
        sock("10.0.0.2:40001", "10.0.0.5:443", inode=3),
        sock("10.0.0.1:40001", "10.0.0.6:443", inode=3),
        sock("10.0.0.1:40001", "10.0.0.5:444", inode=3),
    ],
)
def test_a_sighting_tells_nothing_of_another_destination(other: Block) -> None:
    assert owner_of_each(OwnerTracker().assign(dump(WAITING), NOBODY, (sighting(other),))) == [None]


def test_two_that_were_met_are_one_too_many() -> None:
    met = sighting(LIVE), sighting(to_the_same(4, 40003), of=CURL)
    assert owner_of_each(OwnerTracker().assign(dump(CLOSED, WAITING), NOBODY, met)) == ["wrk 20", None]


def test_the_latest_sighting_of_a_connection_counts() -> None:
    met = sighting(LIVE), sighting(LIVE, of=CURL)
    assert owner_of_each(OwnerTracker().assign(dump(CLOSED), NOBODY, met)) == ["curl 30"]


def test_a_live_socket_is_of_whom_was_met_only_if_it_is_the_same_one() -> None:
    assert owner_of_each(OwnerTracker().assign(dump(to_the_same(3)), NOBODY, (sighting(LIVE),))) == ["wrk 20"]
    assert owner_of_each(OwnerTracker().assign(dump(to_the_same(9)), NOBODY, (sighting(LIVE),))) == [None]


def test_who_was_met_counts_as_a_user_that_was_seen() -> None:
    """Else the next connection, which is open and not found in time, would be of a stranger."""
    sockets = dump(WAITING, to_the_same(9, 40002, uid=1000))
    assert owner_of_each(OwnerTracker().assign(sockets, NOBODY, (sighting(to_the_same(3, uid=1000)),)))[0] == "wrk?"
    assert owner_of_each(OwnerTracker().assign(sockets, NOBODY, (sighting(to_the_same(3, uid=0)),)))[0] is None


def test_what_was_met_is_remembered_as_long_as_its_socket_stays() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(CLOSED), NOBODY, (sighting(LIVE),))
    assert owner_of_each(tracker.assign(dump(CLOSED), NOBODY)) == ["wrk 20"]


def test_what_a_dump_has_seen_counts_more_than_a_sighting() -> None:
    tracker = OwnerTracker()
    tracker.assign(dump(LIVE), holders(HOLDERS.items()))
    assert owner_of_each(tracker.assign(dump(CLOSED), NOBODY, (sighting(LIVE, of=CURL),))) == ["wrk 20"]


def test_the_same_again_is_not_found_again() -> None:
    tracker, sockets, met = OwnerTracker(), dump(CLOSED), (sighting(LIVE),)
    found = tracker.assign(sockets, NOBODY, met)
    assert tracker.assign(sockets, NOBODY, (*met,)) is found
    assert tracker.assign(sockets, NOBODY) is not found
