"""A path that the user or the environment names may lead to anything: it is read at once, or refused at once."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from twtop.files.draft import opened_folder
from twtop.files.small_file import MOST_BYTES, RefusedFile, read_small


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # such a path may have 107 bytes


def huge(path: Path) -> None:
    """A hole of a terabyte takes no room."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


def ring(path: Path) -> None:
    path.symlink_to(path)


REFUSED: list[tuple[Callable[[Path], object], str]] = [
    (fifo, "it is a FIFO"),
    (device, "it is a device"),
    (listening, "it is a socket"),
    (Path.mkdir, "it is a directory"),
    (huge, "it has more than 64 KiB"),
    (ring, "Too many levels of symbolic links"),
    (lambda path: path.write_bytes(b"x" * (MOST_BYTES + 1)), "it has more than 64 KiB"),
    (lambda path: path.write_bytes(b"\xff\xfe"), "not UTF-8 text"),
]


def at_once(read: Callable[[], object]) -> object:
    """What this returns or raises. A thread that hangs does not hang the test."""
    found: list[object] = []

    def attempt() -> None:
        try:
            found.append(read())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert found, "it hangs"
    return found[0]


@pytest.mark.parametrize(("make", "reason"), REFUSED, ids=[reason + str(at) for at, (_, reason) in enumerate(REFUSED)])
def test_what_is_no_small_file_of_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "file")
    refused = at_once(lambda: read_small(tmp_path / "file"))
    assert (type(refused), str(refused)) == (RefusedFile, reason)


def test_a_file_that_becomes_a_fifo_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, opened = tmp_path / "file", os.open
    file.write_text("a file yet")

    def swapped(path: Path, flags: int, dir_fd: None) -> int:
        file.unlink()
        os.mkfifo(file)
        return opened(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swapped)
    assert str(at_once(lambda: read_small(file))) == "it is a FIFO"


@pytest.mark.parametrize("content", ["", "nord\n", "é" * (MOST_BYTES // 2)])
def test_text_is_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content, "utf-8")
    (tmp_path / "link").symlink_to("file")
    assert read_small(tmp_path / "file") == read_small(tmp_path / "link") == content
    with opened_folder(tmp_path) as folder:
        assert read_small("file", folder) == content


@pytest.mark.parametrize("path", ["none", "none/at/all", "dangling"])
def test_where_there_is_nothing_there_is_none(tmp_path: Path, path: str) -> None:
    (tmp_path / "dangling").symlink_to("none")
    assert read_small(tmp_path / path) is None


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(RefusedFile, match="null"):
        read_small("a\0b")
