"""The process panel below the sockets: the process of the selected socket, and what is read of it."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from tests.support.monitor_pilot import Stage, monitor
from tests.support.monitor_samples import later, scene
from tests.support.sock_diag_dump import many, sock
from twtop.model import Process
from twtop.processes.detail import ProcessDetail
from twtop.ui.panels.process import ProcessPanel

WRK, NGINX = Process(20, "wrk"), Process(10, "nginx")
LIVE = sock("10.0.0.1:33001", "10.0.0.5:443", inode=1)
CLOSED = sock("10.0.0.1:33001", "10.0.0.5:443", "TIME_WAIT", remaining=5)
UNSEEN = sock("10.0.0.1:33002", "10.0.0.5:443", "TIME_WAIT", remaining=9)
SAMPLE = scene(LIVE, UNSEEN)


def told(process: Process) -> ProcessDetail:
    return ProcessDetail(process, False, "alice", ("/usr/bin/wrk", "-c30", "http://10.0.0.5/"), 819, 1024)


async def drill(stage: Stage) -> None:
    await stage.press("enter")
    await stage.until_shown("── soonest first")


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (160, 50)], ids=str)
async def test_a_live_socket(size: tuple[int, int]) -> None:
    async with monitor(scene(LIVE), owners={1: WRK}, read_process=told, size=size) as stage:
        await drill(stage)
        await stage.until_shown("wrk 20  descriptors 819 of 1,024 (79 %)  user alice")
        assert stage.shows("/usr/bin/wrk -c30") == (size != (80, 24)) or stage.shows("/usr/bin/wrk")


async def test_the_owner_follows_the_cursor() -> None:
    blocks = [sock(f"10.0.0.1:3300{i}", "10.0.0.5:443", inode=i) for i in (1, 2)]
    blocks.append(sock("10.0.0.1:33003", "10.0.0.5:443"))
    async with monitor(scene(*blocks), owners={1: WRK, 2: NGINX}, read_process=told) as stage:
        await drill(stage)
        await stage.until_shown("wrk 20  descriptors")
        await stage.press("down")
        await stage.until_shown("nginx 10  descriptors")
        await stage.press("down")
        await stage.until_shown("No process: the socket is closed")
        await stage.press("up", "up")
        await stage.until_shown("wrk 20  descriptors")


async def test_an_owner_that_was_seen_with_others_to_the_same_destination_says_so() -> None:
    async with monitor(scene(LIVE, UNSEEN), owners={1: WRK}, read_process=told) as stage:
        await drill(stage)
        await stage.until_shown("wrk, seen to connect here, pid 20  descriptors 819")
        assert stage.shows("wrk (seen here)", "wrk 20")


async def test_an_inferred_owner_says_so() -> None:
    accepted = sock("10.0.0.5:443", "10.0.0.1:33002", "TIME_WAIT", remaining=9)
    listening = sock("0.0.0.0:443", state="LISTEN", inode=1)
    async with monitor(scene(listening, accepted), owners={1: WRK}, read_process=told) as stage:
        await drill(stage)
        await stage.until_shown("wrk (inferred), pid 20  descriptors 819")
        assert stage.shows("wrk (inferred)")


async def test_an_owner_that_was_seen_is_not_inferred() -> None:
    async with monitor(scene(LIVE), later(scene(CLOSED), 1), owners={1: WRK}, read_process=told) as stage:
        await drill(stage)
        await stage.until_shown("wrk 20  descriptors")
        await stage.tick()
        await stage.until_shown("wrk 20, which closed it  descriptors")
        assert not stage.shows("inferred")


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        (lambda process: ProcessDetail(process, gone=True), "wrk 20  pid 20 is gone"),
        (lambda process: ProcessDetail(process), "descriptors – of –  user –"),
        (lambda process: ProcessDetail(process), "its command line may not be read"),
    ],
)
async def test_what_is_not_known(detail: Callable[[Process], ProcessDetail], said: str) -> None:
    async with monitor(scene(LIVE), owners={1: WRK}, read_process=detail) as stage:
        await drill(stage)
        await stage.until_shown(said)


async def test_another_users_process_is_unknown() -> None:
    async with monitor(scene(LIVE)) as stage:
        await drill(stage)
        await stage.until_shown("Process unknown: not found yet, or only root")


async def test_what_happens_tells_the_descriptors_of_that_process() -> None:
    async with monitor(scene(LIVE), owners={1: WRK}, read_process=told, size=(120, 60)) as stage:
        await stage.press("w")
        await stage.until_shown("file descriptors")
        assert not stage.shows("wrk 20")
        await stage.press("escape")
        await drill(stage)
        await stage.until_shown("descriptors 819")
        await stage.press("w")
        await stage.until_shown("wrk 20 has 819 of 1,024")


async def test_the_panel_is_gone_with_the_drill_down() -> None:
    async with monitor(scene(LIVE), owners={1: WRK}, read_process=told) as stage:
        await drill(stage)
        await stage.until_shown("descriptors 819")
        await stage.press("escape")
        await stage.until(lambda: not stage.shows("descriptors 819"), "no owner")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is shown is read again and again, and not each second."""
    monkeypatch.setattr("twtop.ui.panels.process.READ_EVERY_S", 0.01)


class Counted:
    """Reads of processes, each with another user: user0, user1, …"""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def __call__(self, process: Process) -> ProcessDetail:
        self.threads.append(threading.current_thread())
        return ProcessDetail(process, user=f"user{len(self.threads) - 1}")


@pytest.mark.usefixtures("often")
async def test_a_process_is_read_again_and_again_off_the_ui_thread() -> None:
    read = Counted()
    async with monitor(scene(LIVE), owners={1: WRK}, read_process=read) as stage:
        await drill(stage)
        await stage.until(lambda: len(read.threads) > 3, "several reads")
        await stage.until(lambda: not stage.shows("user user0"), "a later read on the screen")
        assert threading.main_thread() not in read.threads


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("key", ["p", "escape"])
async def test_a_process_is_not_read_again_while_paused_or_hidden(key: str) -> None:
    read = Counted()
    async with monitor(scene(LIVE), owners={1: WRK}, read_process=read) as stage:
        await drill(stage)
        await stage.until_shown("user user")
        await stage.press(key)
        await stage.until(lambda: not stage.app.workers, "no worker")
        before = len(read.threads)
        await asyncio.sleep(0.1)  # ten times as long as from read to read
        assert len(read.threads) == before


@pytest.mark.usefixtures("often")
async def test_it_is_read_while_another_panel_has_the_room_only_when_it_changes() -> None:
    blocks = [sock(f"10.0.0.1:3300{i}", "10.0.0.5:443", inode=i) for i in (1, 2)]
    read = Counted()
    async with monitor(scene(*blocks), owners={1: WRK, 2: NGINX}, read_process=read) as stage:
        await drill(stage)
        await stage.until_shown("wrk 20  descriptors")
        await stage.press("z")
        await stage.until(lambda: not stage.shows("wrk 20  descriptors"), "the sockets on the whole screen")
        await stage.until(lambda: not stage.app.workers, "no worker")
        before = len(read.threads)
        await stage.press("down")
        await stage.until(lambda: len(read.threads) == before + 1, "one more read")
        await stage.press("z")
        await stage.until_shown("nginx 10  descriptors")


async def test_another_process_is_read_while_paused() -> None:
    blocks = [sock(f"10.0.0.1:3300{i}", "10.0.0.5:443", inode=i) for i in (1, 2)]
    async with monitor(scene(*blocks), owners={1: WRK, 2: NGINX}, read_process=told) as stage:
        await stage.press("p")
        await drill(stage)
        await stage.until_shown("wrk 20  descriptors")
        await stage.press("down")
        await stage.until_shown("nginx 10  descriptors")


async def test_an_answer_that_comes_too_late_is_dropped() -> None:
    blocks = [sock(f"10.0.0.1:3300{i}", "10.0.0.5:443", inode=i) for i in (1, 2)]
    begun, go, late = threading.Event(), threading.Event(), threading.Event()

    def read(process: Process) -> ProcessDetail:
        if process == WRK:
            begun.set()
            assert go.wait(30)
            late.set()
        return told(process)

    async with monitor(scene(*blocks), owners={1: WRK, 2: NGINX}, read_process=read) as stage:
        await drill(stage)
        await stage.until(begun.is_set, "the first reading")
        await stage.press("down")
        await stage.until_shown("nginx 10  descriptors")
        go.set()
        await stage.until(late.is_set, "the first reading to be over")
        panel = stage.monitor.query_one(ProcessPanel)
        assert panel.detail
        assert panel.detail.process == NGINX


async def test_the_hint_comes_once() -> None:
    theirs = many("10.0.0.1", "10.0.0.5:443", lports=range(33000, 33003), inode=range(7, 10), uid=4711)
    sample = scene(theirs)
    async with monitor(*(later(sample, i) for i in range(3)), hidden=range(7, 10)) as stage:
        await stage.tick()
        await stage.until_shown("3 sockets belong to processes of other users")
        await stage.tick()
        assert len(stage.app._notifications) == 1
