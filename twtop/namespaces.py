"""Network namespaces of this machine, and ways into them: what their search and the monitor say to each other."""

from twtop.model import Process
from twtop.records import dataclass


@dataclass(frozen=True, slots=True)
class NetnsTarget:
    """A way into a network namespace: a printable `name` for the user, and `paths` of which each leads there.

    The namespace counts as gone when none of the paths leads there any more; `how_gone` then says why, in a clause.
    """

    name: str
    paths: tuple[str, ...]
    how_gone: str


@dataclass(frozen=True, slots=True)
class Netns:
    """A network namespace of this machine.

    `inode` identifies it. `target` is the way in, None for twtop's own. `processes` are those inside that this user may
    see, without kernel threads. `time_wait` is how many TIME_WAIT it holds, None where they cannot be counted.
    """

    inode: int
    target: NetnsTarget | None
    processes: tuple[Process, ...]
    time_wait: int | None


@dataclass(frozen=True, slots=True)
class NetnsListing:
    """The network namespaces of this machine, twtop's own first.

    `hidden` is how many processes this user may not look into. Their namespaces may be missing.
    """

    namespaces: tuple[Netns, ...]
    hidden: int
