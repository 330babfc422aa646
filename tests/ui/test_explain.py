"""“What happens at N TIME_WAIT?”: what is critical and what would help come first, each fix with lines to paste."""

import pytest

from tests.support.monitor_pilot import Stage, monitor, scrolled_through
from tests.support.monitor_samples import CLIENT, LISTENER, QUIET, lab, scene
from twtop.columns.tones import Tone
from twtop.explain.explanation import explain
from twtop.explain.fix import Fix
from twtop.ui.dialogs.explain import TONES

SIZES = pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
CLAIM = "FALSE   The server runs out of ports"


async def opened(stage: Stage, shows: str = "10.0.0.5:443 holds 830 of 1,000") -> None:
    """Press w, and wait until the dialog is painted: it `shows` this."""
    await stage.press("w")
    await stage.until_shown("What happens at", shows)


def inside(stage: Stage) -> list[str]:
    """The rows within the dialog's frame, without the scrollbar."""
    edge = stage.line("What happens at").index("╭")
    return [line[edge + 1 :].partition("│")[0] for line in stage.lines if line[edge : edge + 1] == "│"]


def fixes(stage: Stage) -> tuple[Fix, ...]:
    return explain(stage.frame).fixes


@SIZES
async def test_claims_hang_beside_their_verdicts(size: tuple[int, int]) -> None:
    """Nothing is short, so they come first."""
    async with monitor(scene(LISTENER, QUIET, CLIENT), size=size) as stage:
        await opened(stage, CLAIM)
        claims = [line for line in inside(stage) if line.strip()]
        assert claims[0].startswith(f"  {CLAIM}")
        assert all(line[2:10].strip() in ("", "FALSE", "PARTLY", "TRUE") for line in claims)
        assert all(line[10] != " " for line in claims)


async def test_what_is_critical_comes_first_then_what_helps_then_the_claims() -> None:
    async with monitor(lab(), size=(120, 40)) as stage:
        await opened(stage)
        assert inside(stage)[1].startswith("  ▲ PORTS  10.0.0.5:443 holds 830 of 1,000 local ports")
        seen = await scrolled_through(stage)
        told = [
            "▲ PORTS",
            "What would help here",
            fixes(stage)[0].what,
            "FALSE   The server",
            "The verdicts of the strip",
        ]
        assert sorted(told, key=seen.index) == told
        assert seen.rindex("PORTS  ") < seen.index("What would help here")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_a_line_to_paste_stands_in_a_row_of_its_own(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        await opened(stage)
        rows = [row.strip(" │▂▃▄▅▆▇█▁") for row in (await scrolled_through(stage)).splitlines()]
        lines = [line for fix in fixes(stage) for line in fix.lines]
        assert len(lines) > 8
        assert [line for line in lines if f"▌ {line}" not in rows] == []


async def test_on_the_smallest_screen_a_line_to_paste_wraps_and_loses_nothing() -> None:
    async with monitor(lab(), size=(60, 20)) as stage:
        await opened(stage)
        seen = await scrolled_through(stage)
        assert [word for fix in fixes(stage) for line in fix.lines for word in line.split() if word not in seen] == []


async def test_a_digit_copies_the_lines_of_a_fix() -> None:
    async with monitor(lab()) as stage:

        async def copied(key: str, lines: str) -> None:
            await stage.press(key)
            await stage.until(lambda: stage.app.clipboard == lines, lines)

        await opened(stage)
        assert stage.shows("1–6 copy the lines of a fix")
        for number, fix in enumerate(fixes(stage), 1):
            await copied(str(number), "\n".join(fix.lines))
        await stage.until_shown("Line of fix 6 copied")
        await stage.press("7", "8", "9")
        assert stage.app.clipboard == "sysctl -w net.ipv4.tcp_tw_reuse=1"


async def test_without_a_fix_no_digit_copies() -> None:
    async with monitor(scene(LISTENER, QUIET, CLIENT)) as stage:
        await opened(stage, CLAIM)
        await stage.press("1")
        assert not stage.shows("copy the lines")
        assert not stage.app.clipboard


def test_good_news_is_not_red() -> None:
    assert Tone.CRITICAL not in TONES.values()
