"""Sizes that come while a screen is busy: it takes the last one, and rests."""

import asyncio

import pytest
from textual import events
from textual.geometry import Size

from tests.support.monitor_pilot import LIMIT_S, monitor
from tests.support.monitor_samples import lab

POLL_S = 0.005
SIZES = (Size(90, 28), Size(140, 44), Size(110, 33))


@pytest.mark.parametrize("opens", [None, "question_mark", "N", "ctrl+p"])
async def test_sizes_that_wait_in_the_queue_of_a_screen(opens: str | None) -> None:
    """Each is answered by another Resize, behind which the next one waits."""
    async with monitor(lab(), size=(100, 30)) as stage:
        if opens:
            await stage.press(opens)
        screen, busy, go_on = stage.app.screen, asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            busy.set()
            await go_on.wait()

        screen.call_next(hold)
        await asyncio.wait_for(busy.wait(), LIMIT_S)
        for size in SIZES:
            waiting = screen.message_queue_size
            stage.app.post_message(events.Resize(size, size))
            async with asyncio.timeout(LIMIT_S):
                while screen.message_queue_size == waiting:
                    await asyncio.sleep(POLL_S)
            screen.call_later(lambda: None)  # Textual merges two that follow each other
        go_on.set()
        try:
            async with asyncio.timeout(LIMIT_S):
                while screen.size != SIZES[-1] or screen.message_queue_size:
                    await asyncio.sleep(POLL_S)
        finally:
            screen.disable_messages(events.Resize)  # else a screen that does not rest would not end either
