"""A file is written whole or not at all, and nothing else is touched: with and without files that have no name."""

import ctypes
import errno
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.in_namespace import run_in_namespace
from twtop.files import draft as module
from twtop.files.draft import drafted, opened_folder

CLONE_NEWNS, MS_PRIVATE, MS_REC = 0x2_0000, 1 << 18, 1 << 14


Write = Callable[..., None]


def without_links(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def broken(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture(params=["nameless", "beside", "without links"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Linux's own way, that of NFS, and that of FAT."""
    if request.param != "nameless":
        monkeypatch.setattr(module, "WITHOUT_NAME", None)
    if request.param == "without links":
        monkeypatch.setattr(os, "link", without_links)
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    with opened_folder(tmp_path) as opened:
        yield opened


def made(folder: int, text: str = "new\n", name: str = "file") -> None:
    with drafted(name, text, folder) as draft:
        draft.keep_as(name)


def replaced(folder: int, text: str = "new\n", name: str = "file") -> None:
    with drafted(name, text, folder) as draft:
        draft.replace(name)


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


@pytest.mark.parametrize("write", [made, replaced])
def test_a_new_file_is_its_owners_alone(folder: int, tmp_path: Path, write: Write) -> None:
    text = "é\r\n" * 100_000
    write(folder, text)
    assert (tmp_path / "file").read_bytes() == text.encode()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["file"]


def test_a_file_is_replaced(folder: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old\n")
    with (tmp_path / "file").open() as reader:
        replaced(folder)
        assert reader.read() == "old\n"  # who reads it goes on with the old one
    assert (tmp_path / "file").read_text() == "new\n"
    assert names(tmp_path) == ["file"]


def fill(path: Path, kind: str) -> None:
    match kind:
        case "file":
            path.write_text("mine")
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            (path.parent / "elsewhere").write_text("mine")
            path.symlink_to("elsewhere")
        case "dangling":
            path.symlink_to("nowhere")


@pytest.mark.parametrize("kind", ["file", "fifo", "folder", "link", "dangling"])
def test_a_new_file_takes_no_name_that_is_taken(folder: int, tmp_path: Path, kind: str) -> None:
    fill(tmp_path / "file", kind)
    before = {name: (tmp_path / name).lstat() for name in names(tmp_path)}
    with pytest.raises(FileExistsError):
        made(folder)
    assert {name: (tmp_path / name).lstat() for name in names(tmp_path)} == before


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "dangling"])
def test_nothing_but_a_file_is_replaced(folder: int, tmp_path: Path, kind: str) -> None:
    fill(tmp_path / "file", kind)
    before = {name: (tmp_path / name).lstat() for name in names(tmp_path)}
    with pytest.raises(FileExistsError, match="something else than a file"):
        replaced(folder)
    assert {name: (tmp_path / name).lstat() for name in names(tmp_path)} == before


def test_a_draft_can_try_several_names(folder: int, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with drafted("taken", "new", folder) as draft:
        with pytest.raises(FileExistsError):
            draft.keep_as("taken")
        draft.keep_as("free")
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == {"free": "new", "taken": "mine"}


@pytest.mark.parametrize("write", [made, replaced])
def test_a_folder_that_is_swapped_for_a_link_stays_the_one_that_was_opened(tmp_path: Path, write: Write) -> None:
    there, other = tmp_path / "there", tmp_path / "other"
    there.mkdir()
    other.mkdir()
    with opened_folder(there) as folder:
        there.rename(tmp_path / "moved")
        there.symlink_to(other)
        write(folder)
    assert (names(tmp_path / "moved"), names(other)) == (["file"], [])


@pytest.mark.parametrize("write", [made, replaced])
def test_what_cannot_be_renamed_leaves_nothing(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, write: Write
) -> None:
    if write is replaced:
        (tmp_path / "file").write_text("old")
    before = names(tmp_path)
    if way != "without links" and write is made:
        monkeypatch.setattr(os, "link", broken)
    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="Input/output error"):
        write(folder)
    assert names(tmp_path) == before


@pytest.mark.parametrize("write", [made, replaced])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, write: Write) -> None:
    """A disk of 64 KiB, in a namespace of its own."""

    def on_a_full_disk() -> None:
        libc, disk = ctypes.CDLL(None, use_errno=True), str(tmp_path).encode()
        assert libc.unshare(CLONE_NEWNS) == 0
        assert libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0
        assert libc.mount(b"tmpfs", disk, b"tmpfs", 0, b"size=64k") == 0
        if write is replaced:
            (tmp_path / "file").write_text("old")
        before = names(tmp_path)
        with opened_folder(tmp_path) as folder:
            with pytest.raises(OSError, match="No space left on device") as caught:
                write(folder, "x" * 1_000_000)
            assert caught.value.errno == errno.ENOSPC
            assert names(tmp_path) == before
            write(folder, "x" * 40_000)  # what was half written takes no room any more
        assert names(tmp_path) == ["file"]

    run_in_namespace(on_a_full_disk)


def test_a_process_that_is_killed_leaves_no_draft(folder: int, tmp_path: Path, way: str) -> None:
    """Of a draft beside the file, SIGKILL leaves the hidden one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads; the child uses none of them
        child = os.fork()
    if child == 0:
        try:
            with drafted("file", "half", folder):
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(os.EX_SOFTWARE)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    left = names(tmp_path)
    assert len(left) == (way != "nameless")
    assert all(name.startswith(".file.") for name in left)


def test_an_interrupt_leaves_nothing(folder: int, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), drafted("file", "half", folder):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_no_descriptor_stays_open(folder: int) -> None:
    before = names(Path("/proc/self/fd"))
    for _ in range(3):
        replaced(folder)
    with pytest.raises(FileExistsError):
        made(folder)
    assert names(Path("/proc/self/fd")) == before
