"""Work that may hang, in a thread that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


async def in_background(work: Callable[[], Result]) -> Result:
    """The result of `work`, which runs in a daemon thread. What it raises is raised here.

    Whoever waits may give up and the process may end while `work` hangs in the kernel. An executor's threads, which
    `asyncio.to_thread` and Textual's thread workers use, would keep the process from ending.
    """
    answer: Future[Result] = Future()
    answer.set_running_or_notify_cancel()  # from here on, whoever gives up leaves the thread alone

    def run() -> None:
        try:
            answer.set_result(work())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(answer)
