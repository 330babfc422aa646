"""The best source that works is read, another namespace is entered, and the reason is told."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from tests import ROOT
from tests.support.sock_diag_dump import make_sample, sock
from twtop.sources.decode import decode
from twtop.sources.open_source import CHOICES, FirstThatWorks, open_source
from twtop.sources.probe import ALL_SOCKETS, COUNTERS_ONLY, CollectError, Request, Sample, Unavailable

SAMPLE = make_sample(sock("10.0.0.1:80", state="LISTEN"))


class Scripted:
    """A source that gives its answers one after the other; errors among them are raised."""

    def __init__(self, *answers: Sample | Exception) -> None:
        self.answers = list(answers)

    def read(self, _: Request) -> Sample:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


# Which one


def test_the_best_that_works_is_taken_and_kept() -> None:
    refused, works, worse = Scripted(Unavailable("not here")), Scripted(SAMPLE, SAMPLE), Scripted()
    source = FirstThatWorks({"best": refused, "good": works, "worse": worse})
    assert [source.read(ALL_SOCKETS).notice for _ in range(2)] == ["good instead of best: not here"] * 2


def test_nothing_is_said_of_the_best_one() -> None:
    assert FirstThatWorks({"best": Scripted(SAMPLE), "good": Scripted()}).read(ALL_SOCKETS).notice == ""


def test_what_a_source_says_of_itself_is_handed_on() -> None:
    blind = Scripted(*[replace(SAMPLE, notice="it is blind")] * 2)
    source = FirstThatWorks({"best": Scripted(Unavailable("not here")), "blind": blind})
    assert [source.read(ALL_SOCKETS).notice for _ in range(2)] == ["blind instead of best: not here; it is blind"] * 2


def test_counters_alone_settle_nothing() -> None:
    best = Scripted(replace(SAMPLE, dump=None), Unavailable("not here"))
    source = FirstThatWorks({"best": best, "good": Scripted(SAMPLE)})
    assert source.read(COUNTERS_ONLY).dump is None
    assert source.read(ALL_SOCKETS).notice == "good instead of best: not here"


def test_an_error_that_may_pass_does_not_lead_to_a_worse_source() -> None:
    source = FirstThatWorks({"best": Scripted(CollectError("busy"), SAMPLE), "good": Scripted()})
    with pytest.raises(CollectError, match="busy"):
        source.read(ALL_SOCKETS)
    assert source.read(ALL_SOCKETS).notice == ""


def test_where_none_works_each_says_why() -> None:
    best, good = Scripted(Unavailable("load the module")), Scripted(Unavailable("no such file"))
    with pytest.raises(CollectError, match="best: load the module; good: no such file"):
        FirstThatWorks({"best": best, "good": good}).read(ALL_SOCKETS)


def test_a_single_one_that_does_not_work_needs_no_name() -> None:
    with pytest.raises(CollectError, match=r"\Aload the module\Z"):
        FirstThatWorks({"best": Scripted(Unavailable("load the module"))}).read(ALL_SOCKETS)


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_reads_this_machine(choice: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        snapshot = decode(open_source(choice)().read(ALL_SOCKETS))
    assert snapshot.source == ("sock_diag" if choice == "auto" else choice)
    assert server.family == socket.AF_INET
    assert len(snapshot.sockets) >= 1
    assert (snapshot.netns_name, snapshot.notice) == ("", "")


WITHOUT_SOCK_DIAG = """
import errno, os, socket
from twtop.cli.main import main

class Refused(socket.socket):
    def __init__(self, family=-1, *rest, **options):
        if family == socket.AF_NETLINK:
            raise OSError(errno.{error}, os.strerror(errno.{error}))
        super().__init__(family, *rest, **options)

socket.socket = Refused
main()
"""


def run(*arguments: str, program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("filtered", ["", "port 443"])
@pytest.mark.parametrize(("error", "why"), [("EPROTONOSUPPORT", "modprobe tcp_diag"), ("EACCES", "seccomp or SELinux")])
def test_batch_says_once_why_it_is_not_sock_diag(error: str, why: str, filtered: str) -> None:
    ran = run("-b", "-n", "2", "-d", "0.1", "-f", filtered, "-o", "json", program=WITHOUT_SOCK_DIAG.format(error=error))
    assert [json.loads(line)["source"] for line in ran.stdout.splitlines()] == ["procfs", "procfs"]
    (told,) = ran.stderr.splitlines()
    assert told.startswith("twtop: procfs instead of sock_diag: ")
    assert why in told
    assert ran.returncode == os.EX_OK


def test_what_was_asked_for_is_taken_or_nothing() -> None:
    ran = run("-1", "--source", "sock_diag", program=WITHOUT_SOCK_DIAG.format(error="EACCES"))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "seccomp or SELinux" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
