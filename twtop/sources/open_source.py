"""Which source is read: the best that works here or the one that the user names, of any network namespace."""

from collections.abc import Mapping
from dataclasses import replace

from twtop.namespaces import NetnsTarget
from twtop.sources import netns
from twtop.sources.kinds import KINDS
from twtop.sources.probe import CollectError, Request, Sample, Unavailable
from twtop.sources.source import OpenSource, Source

AUTO = "auto"
CHOICES = (AUTO, *KINDS)


def open_source(choice: str = AUTO, target: NetnsTarget | None = None) -> OpenSource:
    """How to open the source of this choice, of `target` or else of the opening thread's own network namespace."""

    def opened() -> Source:
        best = FirstThatWorks({name: kind.open() for name, kind in KINDS.items() if choice in (AUTO, name)})
        return best if target is None else InNetns(target, best)

    return opened


open_local = open_source()
"""Opens the best source that works here, of the opening thread's own network namespace."""


class FirstThatWorks:
    """Reads the first source that works here, and stays with it. Each Sample's `notice` says why no better one does."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """`sources` by name, the best first."""
        self._sources = sources
        self._settled: Source | None = None
        self._notice = ""

    def read(self, request: Request) -> Sample:
        """Raises Unavailable where no source works, and says of each why."""
        if self._settled is None and request.states:
            return self._settle(request)
        # Counters are the same by every source, and do not show whether it can read sockets.
        source = self._settled or next(iter(self._sources.values()))
        return replace(source.read(request), notice=self._notice)

    def _settle(self, request: Request) -> Sample:
        refusals: dict[str, Unavailable] = {}
        for name, source in self._sources.items():
            try:
                sample = source.read(request)
            except Unavailable as error:
                refusals[name] = error
                continue
            reasons = [f"{name} instead of {better}: {error}" for better, error in list(refusals.items())[:1]]
            self._settled, self._notice = source, "; ".join(filter(None, [*reasons, sample.notice]))
            return replace(sample, notice=self._notice)
        if len(refusals) == 1:
            raise next(iter(refusals.values()))
        raise Unavailable("; ".join(f"{name}: {error}" for name, error in refusals.items()))


class InNetns:
    """Reads another network namespace. The thread that reads first enters it, and never leaves it again."""

    def __init__(self, target: NetnsTarget, source: Source) -> None:
        self._target = target
        self._source = source
        self._inode: int | None = None

    def read(self, request: Request) -> Sample:
        """Raises CollectError once the namespace is gone, although this thread keeps it alive: nobody else is in it."""
        if self._inode is None:
            self._inode = netns.enter(self._target)
        if (fault := netns.missing(self._target, self._inode)) is not None:
            raise CollectError(fault)
        sample = replace(self._source.read(request), netns_name=self._target.name)
        if sample.netns not in ("", f"net:[{self._inode}]"):  # before Linux 3.17 there is no /proc/thread-self
            raise CollectError("this kernel shows a thread the counters of its process only: use nsenter --net")
        return sample
