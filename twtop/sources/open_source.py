"""Where Samples come from. A source is opened in the thread that reads it; all else is the same downstream."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from twtop.model import Target
from twtop.sources import netns
from twtop.sources.probe import CollectError, DumpBuffer, Request, Sample, Unavailable, read_procfs, read_sample
from twtop.sources.psutil_source import read_psutil

Source = Callable[[Request], Sample]
"""Reads one Sample, of the sockets that are asked for or of more; raises CollectError when that fails, and may be
called again. The bytes of a sample may be gone with the next one."""

OpenSource = Callable[[], Source]

READERS: dict[str, OpenSource] = {
    "sock_diag": lambda: partial(read_sample, "/proc", buffer=DumpBuffer()),
    "procfs": lambda: partial(read_procfs, "/proc"),
    "psutil": lambda: read_psutil,
}
"""The best first: timers in ms, timers in 1/100 s, no timers."""

AUTO = "auto"
KINDS = (AUTO, *READERS)

BLIND_ON_MACOS = "macOS shows psutil only sockets that a process holds, so no TIME_WAIT"


def open_source(kind: str = AUTO, target: Target | None = None) -> OpenSource:
    """The best source that works here, or the one of this kind; of `target`, or this thread's own network namespace."""

    def opened() -> Source:
        best = FirstThatWorks({name: open_reader() for name, open_reader in READERS.items() if kind in (AUTO, name)})
        return best if target is None else InNetns(target, best)

    return opened


open_local = open_source()
"""The best source that works here, of this thread's own network namespace."""


class FirstThatWorks:
    """Takes the first reader that works here and stays with it; each Sample says why it is not a better one."""

    def __init__(self, readers: Mapping[str, Source]) -> None:
        self._readers = readers
        self._settled: Source | None = None
        self._notice = ""

    def __call__(self, request: Request) -> Sample:
        """Where none works, the error says of each why."""
        if self._settled is not None:
            return replace(self._settled(request), notice=self._notice)
        if not request.states:  # counters are the same by all of them, and say nothing of the sockets
            return next(iter(self._readers.values()))(request)
        refusals: dict[str, Unavailable] = {}
        for name, read in self._readers.items():
            try:
                sample = read(request)
            except Unavailable as error:
                refusals[name] = error
                continue
            if not request.states:  # counters alone do not show whether sockets can be read
                return sample
            self._settled = read
            told = [f"{name} instead of {better}: {error}" for better, error in list(refusals.items())[:1]]
            if name == "psutil" and sys.platform == "darwin":
                told.append(BLIND_ON_MACOS)
            self._notice = "; ".join(told)
            return replace(sample, notice=self._notice)
        raise Unavailable(
            "; ".join(f"{name}: {refused}" if len(refusals) > 1 else str(refused) for name, refused in refusals.items())
        )


class InNetns:
    """Reads another network namespace, which it enters with the thread that reads first and never leaves."""

    def __init__(self, target: Target, read: Source) -> None:
        self._target = target
        self._read = read
        self._inode: int | None = None

    def __call__(self, request: Request) -> Sample:
        """A namespace that is gone would live on in this thread, but nobody else is in it any more."""
        if self._inode is None:
            self._inode = netns.enter(self._target)
        if (fault := netns.missing(self._target, self._inode)) is not None:
            raise CollectError(fault)
        sample = replace(self._read(request), netns_name=self._target.name)
        if sample.netns not in ("", f"net:[{self._inode}]"):  # no /proc/thread-self before 3.17
            raise CollectError("this kernel shows a thread the counters of its process only: use nsenter --net")
        return sample
