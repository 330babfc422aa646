"""What a source of Samples is, and what has to be known of one kind of source to read its Samples."""

from collections.abc import Callable, Mapping
from typing import Protocol

from twtop.model import Process, Sockets
from twtop.records import dataclass
from twtop.sources.probe import Dump, Request, Sample


class Source(Protocol):
    """Reads the sockets and counters of one network namespace, again and again, in the thread that opened it."""

    def read(self, request: Request, /) -> Sample:
        """One Sample of the sockets that are asked for, or of more.

        The next reading may overwrite its bytes. Raises CollectError, after which it may be called again.
        """


OpenSource = Callable[[], Source]
"""Opens a source in the thread that will read it."""


@dataclass(frozen=True, slots=True)
class ReadBy:
    """A Source that is a mere function."""

    read: Callable[[Request], Sample]


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One way to read sockets, under the `name` that Samples, the command line and reports have for it.

    `open` makes a source of this machine. `decode` turns the dump of its Samples into columns, given those of the dump
    before, and `decode_holders` their files into {pid: process}; it is None for a source that does not tell who holds
    sockets. `timer_unit_ms` is the unit of its timers. `shows_bound` says whether it may have sockets that are bound
    and not connected.
    """

    name: str
    open: OpenSource
    decode: Callable[[Dump, Sockets | None], Sockets]
    timer_unit_ms: int = 1
    decode_holders: Callable[[Mapping[str, str]], Mapping[int, Process]] | None = None
    shows_bound: bool = False
