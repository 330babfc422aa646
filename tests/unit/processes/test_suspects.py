"""Processes whose descriptors come and go, in a /proc of our own making: whom a look reads, and who is met."""

import os
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.support.in_namespace import wait_until
from tests.support.known_owners import by_inode
from tests.support.proc_of_processes import make_process
from twtop.model import Process
from twtop.processes import suspects as module
from twtop.processes.fd_search import entries, socket_inodes
from twtop.processes.suspects import LOOK_S, REMEMBERED_S, WATCH_S, Suspects

LONG_S = 0.1
"""How long a test watches that something does not happen: as long as fifty looks take."""


class Watch:
    """A /proc, the time, and Suspects who look at it. Each process that is read takes `cost_s` of a CPU."""

    def __init__(self, proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proc, self.now, self.spent, self.cost_s = proc, 0.0, 0.0, 0.0
        self.read: list[int] = []
        self.suspects = Suspects(str(proc), lambda: self.now, lambda: self.spent)

        def counted(directory: str) -> set[int]:
            self.read.append(int(Path(directory).parent.name))
            self.spent += self.cost_s
            return socket_inodes(directory)

        monkeypatch.setattr(module, "socket_inodes", counted)
        monkeypatch.setattr(module, "descriptor_count", lambda pid, _: len(entries(f"{proc}/{pid}/fd")))

    def process(self, pid: int, *inodes: int, name: str = "wrk") -> None:
        """A process that now holds these sockets."""
        if (self.proc / str(pid)).exists():
            shutil.rmtree(self.proc / str(pid))
        make_process(self.proc, pid, f"{name}\n".encode(), *(f"socket:[{inode}]" for inode in inodes))

    def look(self) -> list[int]:
        """Look once, some seconds later; which processes were read."""
        self.now += 1
        self.read.clear()
        self.suspects.look()
        return [*self.read]

    def met(self, inodes: Iterable[int]) -> dict[int, Process]:
        return by_inode(self.suspects.met(np.array([*inodes], np.uint32)))


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(tmp_path, monkeypatch)


def test_who_held_a_socket_that_is_gone_is_met(watch: Watch) -> None:
    watch.process(7, 70)
    watch.look()
    watch.process(7)
    watch.look()
    assert watch.met([70, 71]) == {70: Process(7, "wrk")}


def test_a_process_that_has_ended_keeps_its_name(watch: Watch) -> None:
    watch.process(1)
    watch.look()
    watch.process(7, 70, name="curl")
    watch.look()
    shutil.rmtree(watch.proc / "7")
    assert watch.met([70]) == {70: Process(7, "curl")}


def test_a_shared_socket_is_that_of_the_lowest_pid(watch: Watch) -> None:
    for pid in (9, 30):
        watch.process(pid, 70)
    watch.look()
    assert watch.met([70]) == {70: Process(9, "wrk")}


def test_sockets_are_forgotten(watch: Watch) -> None:
    watch.process(7, 70)
    watch.look()
    watch.process(7)
    for _ in range(2):
        watch.now += REMEMBERED_S + 1
        with watch.suspects.watched():
            pass
    assert watch.met([70]) == {}


def crowd(watch: Watch, count: int = 50) -> None:
    """Other processes, of which one look reads a tenth."""
    for pid in range(100, 100 + count):
        watch.process(pid, pid * 10)
    watch.cost_s = LOOK_S / (count / 10 - 1)
    watch.look()


def test_a_new_process_is_read_before_the_others(watch: Watch) -> None:
    crowd(watch)
    watch.process(140_000, 5)
    assert watch.look()[0] == 140_000


def test_a_process_with_another_number_of_descriptors_is_read_before_the_others(watch: Watch) -> None:
    crowd(watch)
    watch.process(140, 1400, 5)
    assert watch.look()[0] == 140


def test_a_process_with_other_sockets_is_read_first_once_that_was_noticed(watch: Watch) -> None:
    """One that always has a single connection: each is another, but their number stays."""
    crowd(watch)
    for inode in range(40):
        watch.process(140, inode + 1)
        read = watch.look()
    assert read[0] == 140
    assert watch.met([40]) == {40: Process(140, "wrk")}


def test_all_have_their_turn(watch: Watch) -> None:
    crowd(watch)
    read = {pid for _ in range(20) for pid in watch.look()}
    assert read == set(range(100, 150))


def test_whom_was_met_comes_first(watch: Watch) -> None:
    crowd(watch)
    watch.process(120, 1200, 5)
    for inode in range(4):
        watch.process(140, inode + 1, *range(50, 50 + inode))
        watch.look()
    assert watch.look()[0] == 140
    watch.met([5])
    assert watch.look()[0] == 120


def test_a_process_with_very_many_descriptors_is_left_to_the_search(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DESCRIPTORS", 3)
    watch.process(7, 1, 2, 3)
    watch.process(8, 4, 5, 6, 7)
    assert watch.look() == [7]


def test_twtop_is_no_suspect(watch: Watch) -> None:
    watch.process(os.getpid(), 70)
    watch.process(7, 71)
    assert watch.look() == [7]


def test_what_is_open_while_the_body_runs_is_seen(watch: Watch) -> None:
    watch.process(7, 70)
    with watch.suspects.watched():
        watch.process(7, 71)
    assert watch.met([70, 71]) == dict.fromkeys([70, 71], Process(7, "wrk"))


def test_an_error_of_the_kernel_leaves_no_thread(watch: Watch) -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="busy"), watch.suspects.watched():
        raise OSError("the kernel is busy")
    assert threading.active_count() == before


def test_what_the_thread_takes_of_a_cpu_is_told_and_bounded(watch: Watch) -> None:
    watch.process(7, 70)
    watch.cost_s = 0.4 * WATCH_S
    with watch.suspects.watched() as spent:
        wait_until(lambda: len(watch.read) == 4, what="three looks of the thread")
        threading.Event().wait(LONG_S)
    assert spent() == pytest.approx(4 * watch.cost_s)  # with one look at the end
