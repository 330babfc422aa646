"""What a user asks to see: filter, grouping, order, and the row whose single sockets are shown."""

import enum
from dataclasses import field

from twtop import formatting as fmt
from twtop.filter.mask import needs_owners
from twtop.filter.query import Everything, Query
from twtop.model import Direction
from twtop.records import dataclass
from twtop.sanitize import printable


class GroupBy(enum.StrEnum):
    """What makes a row of the peers table."""

    PEER = "peer"
    DESTINATION = "destination"
    SERVICE = "service"
    PROCESS = "process"
    PREFIX = "prefix"


class GroupSort(enum.StrEnum):
    """Columns of the peers table by which it can be sorted."""

    PORTS = "ports"
    PEER = "peer"
    DIRECTION = "dir"
    TIME_WAIT = "time_wait"
    OTHER = "other"
    NEW = "new"
    MAX = "max"
    FULL_IN = "full_in"
    FAILED = "failed"
    LAST_MINUTE = "last"


class SocketSort(enum.StrEnum):
    """Columns of the sockets table by which it can be sorted."""

    REMAINING = "remaining"
    AGE = "age"
    LOCAL = "local"
    REMOTE = "remote"
    STATE = "state"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Key:
    """Names a group or destination from one frame to the next, by what its sockets have in common.

    A part that is None does not matter. `local` and `remote` are 128-bit addresses, and `bits` is how many leading bits
    of `remote` matter. `process` is a name, empty for unknown owners. `device` is the number of an interface, 0 for
    none, and `device_name` what to call it.
    """

    direction: Direction | None = None
    local: int | None = None
    remote: int | None = None
    bits: int = 128
    port: int | None = None
    process: str | None = None
    device: int | None = None
    device_name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class View:
    """What a Frame answers. `drill` names the group whose single sockets are shown, None for no sockets.

    With `baseline`, counts are compared with those of the first frame that had it.
    """

    query: Query = field(default_factory=Everything)
    group_by: GroupBy = GroupBy.PEER
    group_sort: GroupSort = GroupSort.PORTS
    drill: Key | None = None
    socket_sort: SocketSort = SocketSort.REMAINING
    reverse: bool = False
    baseline: bool = False

    @property
    def needs_owners(self) -> bool:
        """Whether the frame depends on who owns which socket."""
        return self.drill is not None or self.group_by is GroupBy.PROCESS or needs_owners(self.query)


def label(key: Key) -> str:
    """The text of a key in the first column.

    >>> label(Key(remote=0xffff0a000005)), label(Key(remote=0xffff0a000000, bits=120)), label(Key(port=443))
    ('10.0.0.5', '10.0.0.0/24', ':443')
    """
    if key.process is not None and key.remote is None:
        return printable(key.process) or "unknown process"
    if key.remote is None:
        return f":{key.port}"
    if key.bits < 128:
        return f"{fmt.address(key.remote)}/{key.bits - 96 if key.remote >> 32 == 0xFFFF else key.bits}"
    if key.local is None or key.port is None:
        return fmt.address(key.remote)
    if key.direction is Direction.INBOUND:
        return f"{fmt.address(key.remote, key.device_name)} to {fmt.endpoint(key.local, key.port)}"
    return f"{fmt.endpoint(key.remote, key.port, key.device_name)} from {fmt.address(key.local)}"
