"""The probe on a kernel and a /proc of our own making: a Sample, or one line that says what to do."""

import errno
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.in_namespace import in_namespace, sysctl
from tests.support.proc_files import kernel_files
from tests.support.sock_diag_dump import PORT_ID, SEQUENCE, encode, many, with_attributes
from twtop.runtime.system_call import system_call
from twtop.sources import probe
from twtop.sources.decode_counters import decode_limits
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.netns import CLONE_NEWNET
from twtop.sources.probe import CollectError, Sample, dump_sockets, read_sample

DUMP = encode(with_attributes(many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40020))))
EVERY_FILE = kernel_files({"TW": 5}, {"conntrack": (1, 2)}, 7, 8, 9) | {"slabinfo": "slabinfo - version: 2.1\n"}
LINE = r"\A[^\n]{20,120}\Z"


def control(kind: int, status: int, sequence: int = SEQUENCE) -> bytes:
    """A message that ends a dump."""
    return probe.HEADER.pack(probe.DONE_SIZE, kind, 2, sequence, PORT_ID) + struct.pack("=i", status)


def error(status: int) -> bytes:
    """The kernel repeats the request that it refuses."""
    return control(probe.NLMSG_ERROR, status) + bytes(76)


def done(status: int = 0) -> bytes:
    return control(probe.NLMSG_DONE, status)


class FakeSocket:
    """A netlink socket that takes a request and has its answers ready. Some are errors of the call itself."""

    def __init__(self, answers: tuple[bytes | OSError, ...]) -> None:
        self.answers = iter(answers)

    def __enter__(self) -> "FakeSocket":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def setsockopt(self, *_: object) -> None:
        pass

    def send(self, request: bytes) -> None:
        assert probe.HEADER.unpack_from(request) == (len(request), 18, 0x301, SEQUENCE, 0)

    def recv_into(self, room: memoryview) -> int:
        answer = next(self.answers)
        if isinstance(answer, OSError):
            raise answer
        room[: len(answer)] = answer
        return len(answer)


Kernel = Callable[..., None]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Call it with what the kernel shall answer to every dump."""

    def answers(*answers: bytes | OSError) -> None:
        monkeypatch.setattr(probe, "new_sequence", lambda: SEQUENCE)
        monkeypatch.setattr(socket, "socket", lambda *_: FakeSocket(answers))

    return answers


@pytest.mark.parametrize(
    "answers",
    [
        (DUMP, done()),
        (DUMP + done(),),
        (DUMP[:960], DUMP[960:1056], DUMP[1056:] + done()),
        (control(probe.NLMSG_DONE, 0, sequence=1), DUMP, done()),
    ],
    ids=["apart", "at once", "in three chunks", "after an answer to someone else"],
)
def test_a_dump_is_all_messages_but_the_last(kernel: Kernel, answers: tuple[bytes, ...]) -> None:
    kernel(*answers)
    assert dump_sockets() == DUMP


def test_no_sockets_are_an_empty_dump(kernel: Kernel) -> None:
    kernel(done())
    assert dump_sockets() == b""


@pytest.mark.parametrize(
    ("answers", "advice"),
    [
        ((error(-errno.EOPNOTSUPP),), "modprobe tcp_diag"),
        ((done(-errno.ENOENT),), "modprobe tcp_diag"),
        ((DUMP + done(-errno.ENOMEM),), "Cannot allocate memory"),
        ((DUMP, done(-errno.EMSGSIZE)), "Message too long"),
        ((error(-errno.EPERM),), "seccomp or SELinux"),
        ((OSError(errno.EAGAIN, "Resource temporarily unavailable"),), "within 5 s"),
        ((DUMP, OSError(errno.ENOBUFS, "No buffer space available")), "No buffer space available"),
        ((b"",), "expected at least 20"),
        ((error(-errno.EPERM)[:19],), "expected at least 20"),
    ],
)
def test_a_refusal_becomes_advice(kernel: Kernel, answers: tuple[bytes | OSError, ...], advice: str) -> None:
    kernel(*answers)
    with pytest.raises(CollectError, match=LINE) as caught:
        dump_sockets()
    assert advice in str(caught.value)


def test_every_error_is_one_line(kernel: Kernel) -> None:
    for code in errno.errorcode:
        kernel(OSError(code, os.strerror(code)))
        with pytest.raises(CollectError, match=LINE):
            dump_sockets()


def test_no_socket_at_all_becomes_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(CollectError, match="seccomp or SELinux"):
        dump_sockets()


@pytest.fixture
def proc(tmp_path: Path, kernel: Kernel) -> Path:
    """A /proc with every file that the probe looks for, and a kernel with some sockets."""
    kernel(DUMP, done())
    for name, text in EVERY_FILE.items():
        path = tmp_path / ("thread-self" if name.startswith("net/") else "") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "thread-self/ns").mkdir()
    (tmp_path / "thread-self/ns/net").symlink_to("net:[4026531840]")
    return tmp_path


def test_a_sample_has_it_all(proc: Path) -> None:
    sample = read_sample(str(proc))
    assert (sample.dump, sample.files) == (DUMP, EVERY_FILE)
    assert (sample.netns, sample.source) == ("net:[4026531840]", "sock_diag")
    assert sample.kernel == os.uname().release
    assert 0 <= sample.collect_s < 10


def test_clocks_go_on(proc: Path) -> None:
    first, second = read_sample(str(proc)), read_sample(str(proc))
    assert first.mono + first.collect_s <= second.mono
    assert 0 < first.cpu <= second.cpu
    assert abs((second.time - first.time) - (second.mono - first.mono)) < 1


@pytest.mark.parametrize("name", sorted(EVERY_FILE))
def test_a_missing_file_is_missing_in_the_sample(proc: Path, name: str) -> None:
    (file,) = [path for path in (proc / name, proc / "thread-self" / name) if path.exists()]
    file.unlink()
    assert read_sample(str(proc)).files == {path: text for path, text in EVERY_FILE.items() if path != name}


def test_an_unreadable_file_is_missing_in_the_sample(proc: Path) -> None:
    (proc / "slabinfo").unlink()
    (proc / "slabinfo").mkdir()
    assert read_sample(str(proc)).files.keys() == EVERY_FILE.keys() - {"slabinfo"}


def test_an_empty_proc_is_no_error(proc: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    sample = read_sample(str(tmp_path_factory.mktemp("empty")))
    assert (sample.dump, sample.files, sample.netns) == (DUMP, {}, "")
    assert proc.exists()


def test_bytes_that_are_no_text_do_not_stop_it(proc: Path) -> None:
    (proc / "thread-self/net/netstat").write_bytes(b"TcpExt: \xff\x00\n")
    assert read_sample(str(proc)).files["net/netstat"] == "TcpExt: \ufffd\0\n"


def test_an_old_kernel_has_no_directory_of_the_thread(proc: Path) -> None:
    (proc / "thread-self").rename(proc / "self")
    sample = read_sample(str(proc))
    assert (sample.files, sample.netns) == (EVERY_FILE, "net:[4026531840]")


@in_namespace
def test_a_thread_reads_its_own_namespace() -> None:
    """As a reader of another namespace does: the process's first thread stays where it was."""
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    samples: list[Sample] = []

    def elsewhere() -> None:
        system_call("unshare", CLONE_NEWNET)
        samples.append(read_sample())

    with socket.create_server(("127.0.0.1", 0)):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        samples.append(read_sample())
    assert [len(decode_dump(sample.dump or b"")) for sample in samples] == [0, 1]
    assert [" inuse 1 " in sample.files["net/sockstat"] for sample in samples] == [False, True]
    assert [decode_limits(sample.files).tw_reuse == 0 for sample in samples] == [False, True]
    assert samples[0].netns != samples[1].netns


REPORT = """
import sys
sample = read_sample()
print(sample.netns, "net/sockstat" in sample.files, len(sample.dump) % 4)
print({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__", "probe"} or "nothing")
"""


@pytest.mark.parametrize("way", ["imported", "piped"])
def test_the_file_works_alone(tmp_path: Path, way: str) -> None:
    """Elsewhere, without twtop or any other package: copied to a folder, or sent through a pipe."""
    copy = Path(shutil.copy(probe.__file__, tmp_path / "probe.py"))
    imported = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom probe import *\n"
    program = (imported if way == "imported" else copy.read_text()) + REPORT
    python = [sys.executable, "-I", "-S", "-"]
    run = subprocess.run(python, input=program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert run.stdout.splitlines() == [f"{read_sample().netns} True 0", "nothing"]
