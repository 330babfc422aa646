"""Wait until an app is at rest: whatever it was sent is handled, laid out and painted."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App
from textual.screen import Screen

LIMIT_S = 60
"""No condition of a test: a machine that is this slow has failed otherwise before."""

POLL_S = 0.002


async def at_rest(app: App[Any], *others: Callable[[], bool]) -> None:
    """Return at a moment at which nothing that was sent to the app is still under way, or once it ends.

    No message waits or is being handled; nothing has to be laid out, painted or scrolled; no animation and no worker
    thread runs; `others` are true. Work in background that may hang is not waited for, nor are timers that are yet
    to come. Textual's own `Pilot.pause` waits until the process takes little CPU, which it also does on a machine
    that gives it none. Fails at the limit, and raises what the app raised.
    """
    deadline, rested = time.monotonic() + LIMIT_S, 0
    while _runs(app) and rested < 2:  # twice in a row: what another thread had posted is handled between
        busy = [pump for pump in (app, *app._registry) if not _waits(pump)]
        unpainted, moving, unready = _unpainted(app), _moving(app), [other for other in others if not other()]
        rested = 0 if busy or unpainted or moving or unready else rested + 1
        if time.monotonic() > deadline:
            pytest.fail(f"not at rest after {LIMIT_S} s: {busy or unpainted or moving or unready}")
        if not busy:
            for screen in unpainted:
                screen._on_timer_update()  # what its timer does within a sixtieth of a second
        await asyncio.sleep(0 if rested or busy or unpainted else POLL_S)


def _runs(app: App[Any]) -> bool:
    if app._exception is not None:
        raise app._exception
    return app.is_running and not app._exit


def _waits(pump: Any) -> bool:
    """Whether a message pump has come to wait for its next message, or has ended."""
    task = pump._task
    if task is None or task.done():
        return True
    queue = pump._message_queue
    waits = any(not waiter.done() for waiter in queue.ready_event._waiters)
    return waits and queue.empty() and pump._pending_message is None and not pump._next_callbacks


def _unpainted(app: App[Any]) -> list[Screen[Any]]:
    """The screens that will lay out or paint something, or call back after that."""
    seen = [*app._background_screens, app.screen]
    return [screen for screen in seen if screen._callbacks or screen._update_timer._active.is_set()]


def _moving(app: App[Any]) -> list[object]:
    """Sizes, held-back updates, animations and threads that are under way."""
    held_back = [app] * bool(app._batch_count)
    threads = [worker for worker in app.workers if worker._thread_worker]
    sizes = [*filter(None, [app._resize_timer])]
    return [*sizes, *held_back, *app.animator._animations, *app.animator._scheduled, *threads]
