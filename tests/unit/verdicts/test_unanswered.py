"""SYN: from how many SYN without an answer it warns, and what it then says."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.built_frames import Run, frame, frames
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.frame.frame import Frame
from twtop.sources.probe import COUNTERS_ONLY, Request
from twtop.verdicts.verdict import Level, Verdict


def syn_sent(count: int, retransmits: int = 1, to: str = "10.0.0.9:443", first: int = 33_000) -> Block:
    """SYN_SENT that have sent their SYN so often again, and will once more within a second."""
    lports = first + np.arange(count)
    return many("10.0.0.1", to, "SYN_SENT", lports=lports, retransmits=retransmits, remaining=0.4)


def answered(count: int) -> Block:
    return many("10.0.0.1", "10.0.0.9:443", lports=50_000 + np.arange(count))


def syn(found: Frame) -> Verdict:
    return next(each for each in found.verdicts if each.id == "unanswered")


@pytest.mark.parametrize(
    ("waiting", "retransmits", "established", "level"),
    [
        (500, 0, 0, Level.OK),
        (9, 1, 0, Level.OK),
        (9, 2, 0, Level.OK),
        (1, 3, 0, Level.WARN),
        (9, 3, 0, Level.WARN),
        (10, 1, 0, Level.CRITICAL),
        (10, 1, 10, Level.WARN),
        (10, 3, 5000, Level.CRITICAL),
        (100, 1, 5000, Level.WARN),
    ],
)
def test_levels(waiting: int, retransmits: int, established: int, level: Level) -> None:
    """Many that wait beside more that are answered have lost packets; if all wait, nobody is there."""
    blocks = [syn_sent(waiting, retransmits), *([answered(established)] if established else [])]
    assert syn(frame(*blocks)).level is level


def test_the_endpoint_that_answers_fewer_than_it_leaves_waiting_comes_first() -> None:
    found = syn(frame(syn_sent(40), answered(60), syn_sent(12, to="10.0.0.7:80", first=40_000)))
    assert (found.level, found.value) == (Level.CRITICAL, 52)
    assert found.text == (
        "10.0.0.7:80 leaves 12 SYN unanswered, for 1 s at least, retransmitted once; 40 more wait for 1 other endpoint."
    )


def test_it_is_silent_since_its_first_syn_and_for_as_long_as_somebody_waits() -> None:
    """Clients that give up and begin anew leave gaps of some seconds; after a longer one it begins anew."""
    waits = {0: 2, 1: 3, 2: 0, 3: 0, 4: 1, 10: 0, 11: 1}
    ticks = [make_sample(*([syn_sent(12, sent)] if sent else []), at=at) for at, sent in waits.items()]
    silent = [each.silent_s if (each := found.analysis.unanswered.worst) else None for found in frames(*ticks)]
    assert silent == [2, 3, None, None, 6, None, 1]


def test_a_later_look_at_the_same_sockets_has_waited_longer() -> None:
    """Between two dumps the time goes on."""
    run = Run()
    run.tick(make_sample(syn_sent(12, 4)))
    run.tick(replace(make_sample(at=7), dump=None, request=COUNTERS_ONLY))
    assert syn(run.show()).text.startswith("10.0.0.9:443 leaves 12 SYN unanswered, for 11 s at least")


def muteness(*blocks: Block) -> list[Verdict]:
    """The verdicts of three ticks with 12 SYN_SENT, none of which has sent its SYN again, and with these sockets."""
    return [syn(found) for found in frames(*(make_sample(syn_sent(12, 0), *blocks, at=at) for at in range(3)))]


def test_an_endpoint_with_nothing_but_syn_sent_for_two_seconds_is_told() -> None:
    found = muteness()
    assert [each.level for each in found] == [Level.OK, Level.OK, Level.WARN]
    assert (found[-1].short, found[-1].value) == ("12 SYN_SENT", 0)
    assert found[-1].text.startswith("10.0.0.9:443 has 12 SYN_SENT and no connection, for 2 s at least: nobody answers")


def test_a_few_retransmits_do_not_hide_an_endpoint_that_is_mute() -> None:
    """Clients give up after a second, when a SYN is sent again: some of them just have."""
    waits = [syn_sent(40, 0), syn_sent(2, 1, first=50_000)]
    found = syn(frames(*(make_sample(*waits, at=at) for at in range(3)))[-1])
    assert (found.level, found.value) == (Level.WARN, 2)
    assert found.text.startswith("10.0.0.9:443 has 42 SYN_SENT and no connection, for 2 s at least: ")


def test_an_endpoint_with_a_connection_or_few_syn_sent_is_not_mute() -> None:
    assert {each.level for each in muteness(answered(1))} == {Level.OK}
    few = frames(*(make_sample(syn_sent(9, 0), at=at) for at in range(5)))
    assert {syn(found).level for found in few} == {Level.OK}


def test_an_endpoint_is_mute_in_every_dump_or_it_begins_anew() -> None:
    ticks = [make_sample(*([] if at == 1 else [syn_sent(12, 0)]), at=at) for at in range(5)]
    assert [syn(found).level for found in frames(*ticks)] == [Level.OK] * 4 + [Level.WARN]


def test_of_a_part_of_the_sockets_none_is_mute() -> None:
    """Its connections may not have been read."""
    part = [replace(make_sample(syn_sent(12, 0), at=at), request=Request(states=1 << 2)) for at in range(4)]
    assert {syn(found).level for found in frames(*part)} == {Level.OK}


def test_where_connects_are_refused_the_endpoint_answers() -> None:
    counters = [{"AttemptFails": 50 * at, "ActiveOpens": 50 * at} for at in range(4)]
    ticks = [make_sample(syn_sent(12, 0), at=at, counters=counted) for at, counted in enumerate(counters)]
    last = syn(frames(*ticks)[-1])
    assert (last.level, last.text) == (Level.WARN, "50 connects per second are refused or given up.")


@pytest.mark.parametrize("queued", [128, 129])
@pytest.mark.parametrize("bound", ["10.0.0.9:443", "0.0.0.0:443", "[::]:443"])
def test_a_full_accept_queue_here_is_the_reason(bound: str, queued: int) -> None:
    """A listener on all addresses is meant if some connection here has the address."""
    listener = sock(bound, state="LISTEN", rqueue=queued, wqueue=128)
    accepted = sock("10.0.0.9:443", "10.0.0.1:50000")
    found = syn(frame(listener, accepted, syn_sent(2)))
    assert (found.level is Level.WARN) == (queued == 129)
    assert ("it listens here, and its accept queue is full: 129 of 129" in found.text) == (queued == 129)
    assert ("so few may be lost packets" in found.text) == (queued == 128)


def test_a_listener_on_all_addresses_is_not_that_of_another_machine() -> None:
    listener = sock("0.0.0.0:443", state="LISTEN", rqueue=129, wqueue=128)
    assert "listens here" not in syn(frame(listener, syn_sent(12))).text


@pytest.mark.parametrize(("failed", "opened", "level"), [(9, 9, "ok"), (10, 20, "warn"), (10, 21, "ok")])
def test_refused_connects_warn_if_they_are_half_of_all(failed: int, opened: int, level: str) -> None:
    counters = {"AttemptFails": failed, "ActiveOpens": opened}
    found = frames(make_sample(counters=dict.fromkeys(counters, 0)), make_sample(counters=counters, at=1))[-1]
    assert syn(found).level == level
    assert (f"{failed} connects per second are refused or given up" in syn(found).text) == (level == "warn")


def test_without_their_rate_refused_connects_are_not_told() -> None:
    assert syn(frames(make_sample(counters={"AttemptFails": 900, "ActiveOpens": 900}))[0]).level is Level.OK
