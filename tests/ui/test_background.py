"""Work in the background: its result, its error, and that nobody has to wait for it."""

import asyncio
import threading

import pytest

from twtop.ui.kit.background import in_background

LONG_S = 30
"""How long work hangs that nobody ends."""


def test_the_result_is_that_of_another_thread() -> None:
    assert asyncio.run(in_background(threading.current_thread)) is not threading.main_thread()


def test_an_error_is_raised_where_it_is_awaited() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_background(lambda: 1 / 0))


def test_the_loop_ends_while_work_hangs() -> None:
    begun, go, over = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go.wait(LONG_S)
        over.set()

    async def give_up() -> None:
        waiting = asyncio.ensure_future(in_background(hang))
        while not begun.is_set():
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(give_up())
    assert not over.is_set()
    go.set()
    assert over.wait(LONG_S)
