"""The search for holders in a /proc of our own making: what it finds, what it reads for that, and what it costs."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tests.support.known_owners import by_inode
from tests.support.proc_of_processes import make_process
from twtop.model import Process
from twtop.processes import fd_search
from twtop.processes.fd_search import AFRESH_S, SAVED_S, SHARE, SLICE_S, Allowance, Search


def want(search: Search, inodes: Iterable[int]) -> None:
    search.want(np.array([*inodes], np.uint32))


def find(proc: Path | str, *inodes: int) -> dict[int, Process]:
    """The holders of these sockets by a search of its own."""
    search = Search(str(proc))
    want(search, inodes)
    search.finish()
    return by_inode(search.holders)


# What is found


def test_only_sockets_count(tmp_path: Path) -> None:
    make_process(tmp_path, 1, b"a\n", "/dev/null", "socket:[5]", "pipe:[6]", "anon_inode:[eventpoll]", "socket:[7]")
    make_process(tmp_path, 2, b"b\n", "pipe:[6]")
    assert find(tmp_path, 5, 6, 7) == {5: Process(1, "a"), 7: Process(1, "a")}


def test_a_shared_socket_is_that_of_the_lowest_pid(tmp_path: Path) -> None:
    pids = [*range(30, 101), *range(9, 30)]
    for pid in pids:
        make_process(tmp_path, pid, b"worker\n", "socket:[5]", f"socket:[{pid}]")
    assert find(tmp_path, 5, *pids) == {5: Process(9, "worker"), **{pid: Process(pid, "worker") for pid in pids}}


def test_what_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    make_process(tmp_path, 1, b"whole\n", "socket:[1]")
    make_process(tmp_path, 2, None, "socket:[2]")
    (make_process(tmp_path, 3, b"odd\n", "socket:[3]") / "1").write_text("no link")
    (tmp_path / "4").mkdir()  # gone meanwhile
    (tmp_path / "5").write_text("no directory")
    (tmp_path / "self").symlink_to("1")
    (tmp_path / "meminfo").write_text("")
    assert find(tmp_path, 1, 2, 3) == {1: Process(1, "whole"), 2: Process(2, ""), 3: Process(3, "odd")}


def test_no_proc_is_nobody(tmp_path: Path) -> None:
    assert find(tmp_path / "missing", 5) == {}


@pytest.mark.parametrize(
    ("comm", "name"),
    [
        (b"\xffbad\n", "�bad"),
        (b"\n", ""),
        (b"", ""),
        (b"(a) b\n", "(a) b"),
        ("größe\n".encode(), "größe"),
        (b"x\n\n", "x\n"),
        (b"x\r\n", "x\r"),
    ],
)
def test_a_name_may_be_anything(tmp_path: Path, comm: bytes, name: str) -> None:
    make_process(tmp_path, 1, comm, "socket:[5]")
    assert find(tmp_path, 5) == {5: Process(1, name)}


# What is read for it


@dataclass
class Clock:
    """A time that stands still unless it is moved."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pids whose descriptors were read, in that order."""
    pids: list[int] = []
    really = fd_search.socket_inodes

    def record(directory: str) -> set[int]:
        pids.append(int(Path(directory).parent.name))
        return really(directory)

    monkeypatch.setattr(fd_search, "socket_inodes", record)
    return pids


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Processes 1 to 9; each has the socket of its number times ten."""
    for pid in range(1, 10):
        make_process(tmp_path, pid, b"p%d\n" % pid, f"socket:[{pid * 10}]")
    return tmp_path


def test_what_is_known_is_not_read_again(proc: Path, read: list[int]) -> None:
    search = Search(str(proc), Clock())
    search.finish()
    assert read == []
    for _ in range(3):
        want(search, (20, 30))
        search.finish()
        assert read == [1, 2, 3]
        assert by_inode(search.holders) == {20: Process(2, "p2"), 30: Process(3, "p3")}


def test_who_had_new_sockets_is_read_first(proc: Path, read: list[int]) -> None:
    search = Search(str(proc), Clock())
    want(search, (70,))
    search.finish()
    read.clear()
    (proc / "7" / "fd" / "1").symlink_to("socket:[71]")
    want(search, (70, 71))
    search.finish()
    assert read == [7]
    assert by_inode(search.holders) == dict.fromkeys([70, 71], Process(7, "p7"))


def test_who_is_new_or_has_another_number_of_descriptors_is_read_before_the_rest(
    proc: Path, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = dict.fromkeys(range(1, 10), 1) | {0: 4}
    monkeypatch.setattr("twtop.processes.fd_search.descriptor_count", lambda pid, _: sizes[pid])
    search = Search(str(proc), Clock())
    want(search, (90,))
    search.finish()
    assert read == [*range(1, 10)]
    read.clear()
    sizes[6] = 2
    make_process(proc, 0, b"new\n")
    want(search, (90, 11))
    search.finish()
    assert read == [9, 0, 6, 1, 2, 3, 4, 5, 7, 8, 9]


def test_what_a_whole_walk_did_not_find_is_hidden(proc: Path, read: list[int]) -> None:
    clock = Clock()
    search = Search(str(proc), clock)
    for _ in range(3):
        want(search, (11, 10))
        search.finish()
        assert read == [*range(1, 10)]
        assert search.holders.hidden.tolist() == [11]
    want(search, (10,))
    assert search.holders.hidden.tolist() == []
    want(search, (11, 10))
    search.finish()
    clock.now += AFRESH_S
    (proc / "1" / "fd" / "1").symlink_to("socket:[11]")
    want(search, (11, 10))
    search.finish()
    assert by_inode(search.holders) == dict.fromkeys([11, 10], Process(1, "p1"))
    assert search.holders.hidden.tolist() == []


def test_a_walk_gives_up_only_what_was_wanted_before_it_began(proc: Path) -> None:
    search = Search(str(proc), cpu=map(float, count()).__next__)  # which reads one process at a time
    want(search, (11,))
    while len(search._walk or ()) != 2:
        search.advance(1.5)
    want(search, (11, 12))
    while not search.holders.hidden.tolist():
        search.advance(1.5)
    assert search.holders.hidden.tolist() == [11]
    assert not search.over
    search.finish()
    assert search.holders.hidden.tolist() == [11, 12]


def test_holders_are_known_for_one_dump_more(proc: Path) -> None:
    """For the owner of what was closed just after the dump that it was found for."""
    search = Search(str(proc), Clock())
    want(search, (10, 20))
    search.finish()
    (proc / "1" / "fd" / "0").unlink()
    want(search, (20,))
    assert by_inode(search.holders) == {10: Process(1, "p1"), 20: Process(2, "p2")}
    want(search, (20,))
    assert by_inode(search.holders) == {20: Process(2, "p2")}


@pytest.mark.parametrize("heir", [3, None])
def test_a_socket_may_be_handed_on(proc: Path, heir: int | None) -> None:
    clock = Clock()
    search = Search(str(proc), clock)
    want(search, (20,))
    search.finish()
    (proc / "2" / "fd" / "0").unlink()
    if heir:
        (proc / str(heir) / "fd" / "1").symlink_to("socket:[20]")
    clock.now += AFRESH_S
    want(search, (20,))
    search.finish()
    assert by_inode(search.holders) == ({20: Process(heir, f"p{heir}")} if heir else {})


# What it costs


def test_an_allowance_is_a_share_with_something_saved() -> None:
    allowance = Allowance(0.05, 0.2, now=100)
    allowance.spend(0.2, now=100)
    assert allowance.rested_at == 100
    allowance.spend(0.1, now=100)
    assert allowance.rested_at == pytest.approx(102)
    allowance.spend(0.05, now=104)
    assert allowance.rested_at == pytest.approx(104)
    allowance.spend(0.3, now=1000)  # no more than 0.2 was saved
    assert allowance.rested_at == pytest.approx(1002)


def test_an_endless_search_takes_no_more_than_its_share(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each dump has new sockets that nobody has, so that it never rests for want of work."""
    clock, cpu = Clock(), Clock()

    def read(_: str) -> set[int]:
        cpu.now += 0.01
        return set()

    monkeypatch.setattr(fd_search, "socket_inodes", read)
    search = Search(str(proc), clock, cpu)
    for second in range(300):
        want(search, range(1000 * second + 1000, 1000 * second + 1005))
        while not search.over and search.rested_at <= second + 1:
            clock.now = max(clock.now, search.rested_at)
            search.advance()
        clock.now = max(clock.now, second + 1)
    assert 0.9 * 300 * SHARE < cpu.now < 300 * SHARE + SAVED_S + SLICE_S
