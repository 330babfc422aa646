"""The States panel: a state is a filter, by mouse and by keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.monitor_pilot import Stage, monitor, rows
from tests.support.monitor_samples import ALL_STATES, lab, scene
from tests.support.sock_diag_dump import many
from twtop.filter.parser import parse
from twtop.filter.query import Everything, Query, StateTest, kept_state, unparse, with_state
from twtop.frame.view import View
from twtop.model import TcpState
from twtop.sources.probe import Sample
from twtop.ui.panels.states import TIPS, StatesPanel


def states(stage: Stage) -> StatesPanel:
    return stage.monitor.query_one(StatesPanel)


def names(stage: Stage) -> list[TcpState]:
    """The states that have a line, from the top."""
    region = states(stage).content_region
    painted = [strip.crop(region.x, region.right).text.split() for strip in stage.strips[region.y : region.bottom]]
    return [TcpState[words[0]] for words in painted if words and words[0] in TcpState.__members__]


def peers(stage: Stage) -> set[str]:
    return {row.split()[0] for row in rows(stage, stage.peers)}


def in_force(stage: Stage) -> str:
    return unparse(stage.frame.view.query)


async def until_in_force(stage: Stage, query: str) -> None:
    await stage.until(lambda: in_force(stage) == query, f"the filter {query!r}")


async def test_a_click_filters_and_one_more_takes_it_back() -> None:
    async with monitor(lab()) as stage:
        await stage.click(states(stage), "ESTABLISHED")
        await until_in_force(stage, "state established")
        assert peers(stage) == {"10.0.0.7"}
        assert stage.shows("only ESTABLISHED", "filter: state established")
        await stage.click(states(stage), "ESTABLISHED")
        await until_in_force(stage, "")
        assert peers(stage) == {"10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.9"}
        assert not stage.shows("only ESTABLISHED")


async def test_another_state_takes_its_place_and_the_rest_stays() -> None:
    async with monitor(lab(), view=View(query=parse("peer 10.0.0.5"))) as stage:
        await stage.click(states(stage), "TIME_WAIT")
        await until_in_force(stage, "peer 10.0.0.5 and state time-wait")
        await stage.click(states(stage), "LISTEN")
        await until_in_force(stage, "peer 10.0.0.5 and state listen")
        await stage.click(states(stage), "LISTEN")
        await until_in_force(stage, "peer 10.0.0.5")


async def test_the_filter_line_has_what_was_clicked() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.type("443")
        await stage.click(states(stage), "TIME_WAIT")
        await until_in_force(stage, "port 443 and state time-wait")
        assert stage.line("port 443 and state time-wait")
        await stage.press("slash", "escape")
        await until_in_force(stage, "port 443 and state time-wait")
        await stage.press("escape")
        await until_in_force(stage, "")


async def test_keys_reach_every_state() -> None:
    async with monitor(scene(*ALL_STATES)) as stage:
        await stage.press("slash")  # the focus may stand anywhere before
        await stage.press("escape")
        states(stage).focus()
        await stage.press(*["up"] * 11)
        for state in TcpState:
            await stage.press("enter")
            await until_in_force(stage, unparse(StateTest(state)))
            await stage.press("j")


async def test_tab_leads_to_the_panel_and_shows_where_it_stands() -> None:
    async with monitor(lab()) as stage:
        y = stage.where(states(stage), "TIME_WAIT")[1]
        before = stage.strips[y]
        await stage.press("shift+tab")
        while stage.monitor.focused is not states(stage):
            await stage.press("tab")
        assert stage.strips[y] != before
        await stage.press("space")
        await until_in_force(stage, "state time-wait")


@pytest.mark.parametrize("size", [(80, 24), (100, 24)], ids=str)
async def test_the_kept_state_is_listed_where_room_is_short(size: tuple[int, int]) -> None:
    async with monitor(scene(*ALL_STATES), size=size, view=View(query=parse("state closing"))) as stage:
        assert stage.where(states(stage), "CLOSING")
        assert stage.where(states(stage), "other states: 0")


async def test_no_line_moves_under_the_mouse_where_room_is_short() -> None:
    async with monitor(scene(*ALL_STATES), size=(80, 24)) as stage:
        listed = names(stage)
        assert 3 < len(listed) < len(TcpState)
        for state in listed:
            at = stage.where(states(stage), state.name)
            await stage.click_at(*at)
            await until_in_force(stage, unparse(StateTest(state)))
            assert names(stage) == listed
            await stage.click_at(*at)
            await until_in_force(stage, "")
            assert names(stage) == listed


def in_states(at: float, **counts: int) -> Sample:
    """So many sockets in each of these states, and many in the four that have more of them."""
    more = {"FIN_WAIT1": 50, "FIN_WAIT2": 60, "SYN_SENT": 70, "ESTABLISHED": 80}
    return scene(
        *(
            many("10.0.0.1", f"10.0.0.8:{port}", state, lports=range(33000, 33000 + count))
            for port, (state, count) in enumerate((more | counts).items(), 1)
        ),
        at=at,
    )


async def test_a_line_is_given_up_for_a_state_with_twice_as_many() -> None:
    counts = (5, 4), (5, 9), (5, 11), (6, 11), (20, 11), (23, 11)
    ticks = [in_states(at, LAST_ACK=ack, CLOSING=closing) for at, (ack, closing) in enumerate(counts)]
    async with monitor(*ticks, size=(80, 24)) as stage:
        listed = []
        for _ in ticks:
            (last,) = set(names(stage)) & {TcpState.LAST_ACK, TcpState.CLOSING}
            listed.append(last.name)
            await stage.tick()
        assert listed == ["LAST_ACK", "LAST_ACK", "CLOSING", "CLOSING", "CLOSING", "LAST_ACK"]


def test_each_state_is_explained() -> None:
    assert set(TIPS) == set(TcpState)


@given(st.sampled_from(["", "443", "443 or tw", "not tw", "443 and nginx"]), st.lists(st.sampled_from(TcpState)))
def test_a_state_twice_is_the_filter_before(base: str, chosen: list[TcpState]) -> None:
    query: Query = parse(base)
    for state in chosen:
        query = with_state(query, state)
        assert parse(unparse(query)) == query
        if (kept := kept_state(query)) is not None:
            assert with_state(with_state(query, kept), kept) == query
    kept = kept_state(query)
    assert (query if kept is None else with_state(query, kept)) == parse(base)


def test_a_state_that_was_typed_counts_too() -> None:
    assert with_state(parse("tw and 443"), TcpState.LISTEN) == parse("443 and listen")
    assert with_state(parse("tw"), TcpState.TIME_WAIT) == Everything()
