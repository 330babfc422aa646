"""The filter line: live while it is typed, said where it does not read, kept or given back."""

import pytest

from tests.support.monitor_pilot import SIZES, Stage, monitor, rows
from tests.support.monitor_samples import lab
from twtop.filter.parser import parse
from twtop.frame.view import View


def peers(stage: Stage) -> set[str]:
    """The peers that are listed now."""
    return {row.split()[0] for row in rows(stage, stage.peers)}


async def until_listed(stage: Stage, *expected: str) -> None:
    await stage.until(lambda: peers(stage) == set(expected), f"{expected} and nobody else")


@pytest.mark.parametrize("key", ["slash", "f4"])
async def test_opens_with_a_hint(key: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press(key)
        assert stage.shows("⏎ keep  Esc restore")


async def test_live_while_it_is_typed() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.type("8080")
        await until_listed(stage, "10.0.0.6")
        await stage.type(" or 443")
        await until_listed(stage, "10.0.0.5", "10.0.0.6")
        assert stage.shows("filter: ")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_caret_under_what_does_not_read(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        for text, wrong in (("8080 port 99999", "99999"), ("8080 dir west", "west"), ("(443 ", ""), ("1 [x", "[x")):
            await stage.press("slash", "ctrl+u")
            await stage.paste(text)
            assert stage.shows("^", "expected")
            entry = next(y for y, line in enumerate(stage.lines) if text in line)
            column = stage.lines[entry].index(text) + (text.index(wrong) if wrong else len(text))
            assert stage.lines[entry + 1].index("^") == column
            await stage.press("escape")


async def test_the_last_filter_that_read_stays_in_force() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste("8080")
        await until_listed(stage, "10.0.0.6")
        await stage.paste(" and port 99999")
        await stage.until_shown('column 15: found "99999", expected a port number (0 to 65535)')
        await stage.tick()
        assert peers(stage) == {"10.0.0.6"}


async def test_the_error_goes_with_its_cause() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.type("(")
        await stage.until_shown("^")
        await stage.press("backspace")
        assert stage.shows("⏎ keep  Esc restore")


async def test_enter_keeps_only_what_reads() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.type("(")
        await stage.press("enter")
        assert stage.shows("^", "expected")


async def test_enter_keeps_it() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste("443")
        await stage.press("enter")
        await until_listed(stage, "10.0.0.5")
        assert not stage.shows("Esc restore")
        await stage.tick()
        assert peers(stage) == {"10.0.0.5"}
        await stage.press("slash")
        assert stage.lines[stage.lines.index(stage.line("Esc restore")) - 1].strip() == "443"


@pytest.mark.parametrize("text", ["8080", "port 443 or", "((("])
async def test_escape_brings_back_what_was_in_force(text: str) -> None:
    async with monitor(lab(), view=View(query=parse("port 443"))) as stage:
        await until_listed(stage, "10.0.0.5")
        await stage.press("slash", "ctrl+u")
        await stage.paste(text)
        await stage.press("escape")
        await until_listed(stage, "10.0.0.5")
        assert stage.shows("filter: port 443")
        assert not stage.shows("Esc restore")


async def test_escape_without_the_line_drops_the_filter() -> None:
    async with monitor(lab(), view=View(query=parse("port 443"))) as stage:
        await until_listed(stage, "10.0.0.5")
        await stage.press("escape")
        await until_listed(stage, "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.9")
        assert not stage.shows("filter: ")


async def test_an_emptied_line_is_no_filter() -> None:
    async with monitor(lab(), view=View(query=parse("port 443"))) as stage:
        await stage.press("slash", "ctrl+u", "enter")
        await until_listed(stage, "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.9")


async def test_the_filter_holds_for_the_states_too() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste("established")
        await stage.press("enter")
        await until_listed(stage, "10.0.0.7")
        assert stage.line(" TIME_WAIT       ").split()[1] == "0"
        assert "TIME_WAIT   1,630 " in stage.lines[1]


async def test_letters_are_text_and_not_keys() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.type("qpbsw?")
        assert stage.line("qpbsw?")
        assert stage.app.is_running
        assert not stage.monitor.engine.paused


async def test_typed_ahead_of_the_line() -> None:
    async with monitor(lab()) as stage:
        await stage.burst("slash", *"8080 or 443 and 10.0.0.0", "slash", "8", "enter")
        await until_listed(stage, "10.0.0.5", "10.0.0.6")
        assert not stage.monitor.engine.paused
        assert not stage.shows("Esc restore")


async def test_a_filter_that_outgrows_a_line_is_kept_when_the_line_is_left() -> None:
    """Its normal form is longer than what may be typed."""
    long = parse(" ".join(["tw"] * 300))
    async with monitor(lab(), view=View(query=long)) as stage:
        await stage.press("slash")
        await stage.type("x")
        await stage.until_shown("column 1001: ", "expected at most 1,000 characters")
        await stage.press("escape")
        await stage.until(lambda: not stage.shows("column 1001"), "the line hidden")
        assert stage.monitor.engine.view.query == long


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_all_of_what_is_expected_can_be_read(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        await stage.press("slash")
        await stage.paste("state foo")
        told = " ".join(stage.text.split())
        assert 'column 7: found "foo", expected a TCP state (established, ' in told
        assert "last-ack, listen, closing)" in told
