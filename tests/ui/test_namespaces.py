"""The namespaces of the box on the screen, the way to another one and back, and one that goes away meanwhile."""

import asyncio
import errno
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

from textual.widgets import OptionList

from tests.support.in_namespace import in_namespace
from tests.support.monitor_pilot import Stage, monitor
from tests.support.monitor_samples import Script, lab, later
from tests.support.other_netns import process_elsewhere
from tests.ui.test_hostile import HOSTILE, is_whole
from twtop.engine.engine import Engine
from twtop.model import Process
from twtop.namespaces import Netns, NetnsListing, NetnsTarget
from twtop.sanitize import printable
from twtop.sources import netns
from twtop.sources.netns_listing import list_namespaces
from twtop.sources.open_source import open_source
from twtop.sources.probe import CollectError
from twtop.ui.dialogs.namespaces import OWN, NetnsCatalog

OWN_INODE = 4026531840
BLUE = Netns(7, NetnsTarget("blue", ("/run/netns/blue",), "gone"), (Process(70, "nginx"), Process(71, "nginx")), 1204)
HOME = Netns(OWN_INODE, None, (Process(1, "init"),), 3)
UNCOUNTED = Netns(8, NetnsTarget("pid 80 (x)", ("/proc/80/ns/net",), "gone"), (), None)


def catalog(
    *found: Netns, refusal: str | None = None, hidden: int = 0, visited: list[Netns] | None = None
) -> NetnsCatalog:
    """A box with these, where every other namespace has the lab's sockets too, half a minute later."""

    def engine(netns: Netns) -> partial[Engine]:
        if visited is not None:
            visited.append(netns)
        name = netns.target.name if netns.target else ""
        sample = replace(later(lab(), 30), netns_name=name, netns=f"net:[{netns.inode}]")
        return partial(Engine, Script([sample, later(sample, 1)]))

    return NetnsCatalog(lambda: NetnsListing(found, hidden), lambda _: refusal, engine)


async def opened(stage: Stage, *texts: str) -> None:
    await stage.press("N")
    await stage.until_shown("Network namespaces", *texts)


async def test_they_are_listed_with_their_processes_and_counts() -> None:
    async with monitor(lab(), catalog=catalog(HOME, BLUE, UNCOUNTED, hidden=2)) as stage:
        await opened(stage, "1,204    blue               nginx ×2", f"3 ●  {OWN}")
        assert "–    pid 80 (x)         no process seen" in stage.line("pid 80 (x)")
        assert stage.shows("2 processes of other users hidden: root with CAP_SYS_PTRACE sees all")
        await stage.press("escape")
        await stage.until(lambda: not stage.shows("Network namespaces"), "the panel closed")
        assert stage.shows("● live", "10.0.0.5")


async def test_enter_goes_there_and_back() -> None:
    visited: list[Netns] = []
    async with monitor(lab(), catalog=catalog(HOME, BLUE, visited=visited)) as stage:
        await stage.press("enter")
        await stage.until_shown("sockets ──")
        await opened(stage, "blue")
        await stage.press("down", "enter")
        await stage.until_shown("netns blue")
        assert stage.frame.snapshot.netns_name == "blue"
        assert (stage.frame.tick, len(stage.frame.total.times)) == (1, 1)
        assert not stage.shows("sockets ──")
        await opened(stage, "1,204 ●  blue")
        await stage.press("up", "enter")
        await stage.until(lambda: stage.monitor.frame and not stage.shows("netns blue"), "home again")
        assert stage.frame.snapshot.netns_name == ""
        assert [thread.name for thread in threading.enumerate()].count("collect") == 1
    assert visited == [BLUE, HOME]


async def test_who_chooses_the_one_on_the_screen_stays_with_its_history() -> None:
    visited: list[Netns] = []
    async with monitor(lab(), later(lab(), 1), catalog=catalog(HOME, BLUE, visited=visited)) as stage:
        await opened(stage, "blue")
        frame = stage.frame
        await stage.press("enter")
        await stage.until(lambda: not stage.shows("Network namespaces"), "the panel closed")
        assert stage.frame.tick >= frame.tick
        assert stage.shows("● live", "10.0.0.5")
    assert visited == []


async def test_the_keys_of_a_table_move_there_too() -> None:
    async with monitor(lab(), catalog=catalog(HOME, BLUE, UNCOUNTED)) as stage:
        await opened(stage, "blue")
        listed = stage.app.screen.query_one(OptionList)
        reached = []
        for key in ("j", "k", "G", "g"):
            await stage.press(key)
            reached.append(listed.highlighted)
        assert reached == [1, 0, 2, 0]


async def test_marks_stay_behind() -> None:
    async with monitor(lab(), catalog=catalog(HOME, BLUE)) as stage:
        await stage.press("m", "enter")
        await stage.until(lambda: stage.monitor.marks.marks, "a mark")
        await opened(stage, "blue")
        await stage.press("down", "enter")
        await stage.until_shown("netns blue")
        assert stage.monitor.marks.marks == ()
        assert "mark" not in stage.lines[0]


async def test_a_paused_view_runs_again_elsewhere() -> None:
    async with monitor(lab(), catalog=catalog(HOME, BLUE)) as stage:
        await stage.press("p")
        await opened(stage, "blue")
        await stage.press("down", "enter")
        await stage.until_shown("netns blue", "● live")


async def test_a_refusal_is_told_and_nothing_changes() -> None:
    async with monitor(lab(), catalog=catalog(HOME, BLUE, refusal="[bold]no[/] way: run twtop as root")) as stage:
        before = stage.monitor.frame
        await opened(stage, "blue")
        await stage.press("down", "enter")
        await stage.until_shown("[bold]no[/] way: run twtop as root")
        assert stage.monitor.frame is before
        await stage.tick()
        assert stage.frame.tick == 2


async def test_of_two_namespaces_wanted_in_a_row_the_last_is_watched_by_one_engine() -> None:
    """The first move takes long: its engine is that of before, which both would end."""
    go = threading.Event()
    red = replace(BLUE, inode=9, target=NetnsTarget("red", ("/run/netns/red",), "gone"))

    def slow(wanted: Netns) -> str | None:
        return None if wanted is not BLUE or go.wait(30) else "waited in vain"

    visited: list[Netns] = []
    async with monitor(lab(), catalog=replace(catalog(HOME, BLUE, red, visited=visited), refusal=slow)) as stage:
        for rows in (1, 2):
            await opened(stage, "blue", "red")
            await stage.press(*["down"] * rows, "enter")
            await stage.until(lambda: not stage.shows("Network namespaces"), "the panel closed")
        go.set()
        await stage.until(lambda: visited == [BLUE, red], "both")
        await stage.until_shown("netns red")
        assert [thread.name for thread in threading.enumerate()].count("collect") == 1


async def test_a_faults_and_a_refusals_names_are_text() -> None:
    evil = "\x1b]0;x\x07two\nlines\u202e"
    async with monitor(lab(), CollectError(evil), catalog=catalog(HOME, BLUE, refusal=evil)) as stage:
        await stage.press("r")
        await stage.until_shown("✖ ␛]0;x␇two␊lines�")
        await opened(stage, "blue")
        await stage.press("down", "enter")
        await stage.until(lambda: [line for line in stage.lines[1:] if "␛]0;x␇two␊lines�" in line], "the refusal")
        assert is_whole(stage)


async def test_hostile_names_are_text() -> None:
    names = [*HOSTILE, "x" * 200, "名" * 200]
    found = [
        Netns(10 + row, NetnsTarget(printable(name), ("/x",), "gone"), (Process(1, name),), row)
        for row, name in enumerate(names)
    ]
    async with monitor(lab(), catalog=catalog(HOME, *found), size=(100, 40)) as stage:
        await opened(stage, *HOSTILE.values())
        assert is_whole(stage)


async def test_a_system_without_namespaces() -> None:
    def none() -> NetnsListing:
        raise OSError(errno.ENOENT, "No such file or directory")

    async with monitor(lab(), catalog=replace(catalog(), listing=none)) as stage:
        await opened(stage, "this system shows no network namespaces: No such file or directory")
        await stage.press("enter", "escape")
        assert stage.shows("● live")


async def test_a_slow_listing_holds_up_nobody() -> None:
    go = threading.Event()

    def slow() -> NetnsListing:
        go.wait(30)
        return NetnsListing((HOME, BLUE), 0)

    async with monitor(lab(), catalog=replace(catalog(), listing=slow)) as stage:
        await opened(stage, "looking into all processes")
        await stage.press("escape")
        await stage.until(lambda: not stage.shows("Network namespaces"), "the panel closed")
        go.set()
        await stage.tick()
        assert stage.shows("● live")


@in_namespace
def test_the_list_is_that_of_the_box() -> None:
    with process_elsewhere() as one, process_elsewhere(listening=False) as two:
        found = list_namespaces().namespaces
        assert found[0].target is None
        assert found[0].inode == inode("self")
        by_inode = {each.inode: each for each in found}
        for child in (one, two):
            there = by_inode[inode(child.pid)]
            assert there.target
            assert there.target.paths == (f"/proc/{child.pid}/ns/net",)
            assert [process.pid for process in there.processes] == [child.pid]
            assert there.time_wait == 0


def inode(process: int | str) -> int:
    return Path(f"/proc/{process}/ns/net").stat().st_ino


@in_namespace
def test_a_namespace_that_vanishes_leaves_its_last_frame() -> None:
    asyncio.run(vanish())


async def vanish() -> None:
    with process_elsewhere() as child:
        target = netns.find(str(child.pid))
        async with monitor(open_source=open_source(target=target), interval=0.1) as stage:
            await stage.until_shown(f"netns pid {child.pid}", "● live")
            assert stage.frame.states.count.sum() == 1
            assert child.stdin
            child.stdin.close()
            child.wait()
            await stage.until_shown(f"netns pid {child.pid} is gone: its process has ended")
            last = stage.frame
            await stage.press("b", "t")
            await stage.until_shown("Destinations")
            assert stage.frame.snapshot is last.snapshot
