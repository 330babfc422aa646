"""Loads of some minutes, second by second, for pictures of the screen: the same on every machine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tests.support.refused_connects import failed
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.model import Process
from twtop.namespaces import Netns, NetnsListing, NetnsTarget
from twtop.sources.probe import Sample

LIFE_S = 61
PORTS = (32768, 37767)


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """`sample(second)` is what the kernel shows in that second. The screen is first drawn after `seconds`."""

    sample: Callable[[int], Sample]
    seconds: int
    owners: Mapping[int, Process] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """Connections that are closed here first, `per_s` in each second from second `since` on.

    Each takes a port of its own at that end, `local` or `remote`, which is given without a port. There are no more than
    `most` of them.
    """

    local: str
    remote: str
    per_s: float
    since: float = 0
    inbound: bool = False
    most: int = 1 << 30

    def entered(self, now: float) -> int:
        """How many TIME_WAIT this has made by now."""
        return min(max(0, int((now - self.since) * self.per_s)), self.most)

    def waiting(self, now: float) -> Iterator[Block]:
        """The TIME_WAIT that still exist."""
        numbers = np.arange(self.entered(now - LIFE_S), self.entered(now))
        if len(numbers):
            left = np.clip(self.since + numbers / self.per_s + 60 - now, 0, 60)
            ports = {"rports": 1024 + numbers % 60000} if self.inbound else {"lports": tried(numbers)}
            yield many(self.local, self.remote, "TIME_WAIT", remaining=left, **ports)


def tried(numbers: np.ndarray) -> np.ndarray:
    """Local ports in the order in which connect() finds them: all even ones before the odd ones."""
    half = (PORTS[1] - PORTS[0] + 1) // 2
    scattered = np.random.default_rng(1).permutation(half) * 2
    ports: np.ndarray = PORTS[0] + np.concatenate((scattered, scattered + 1))[numbers % (2 * half)]
    return ports


def sample_of(second: int, loads: Iterable[Load], *beside: Block, max_tw_buckets: int) -> Sample:
    """What the kernel shows of these loads and of the sockets beside them, with a small port range and no reuse."""
    blocks = [*beside, *(block for load in loads for block in load.waiting(second))]
    return make_sample(
        *blocks,
        at=second,
        collect_s=0.002 + sum(map(len, blocks)) * 4e-7,
        counters={"TW": sum(load.entered(second) for load in loads)},
        port_range=PORTS,
        tw_reuse=0,
        max_tw_buckets=max_tw_buckets,
    )


def inbound(local: str, remote: str, per_s: float, since: float) -> Load:
    return Load(local, remote, per_s, since, inbound=True)


LAB_LOADS = (
    Load("10.0.0.1", "10.0.0.5:443", 85, 151),
    Load("10.0.0.1", "10.0.0.6:5432", 21, 20),
    Load("10.0.0.1", "10.0.0.7:5432", 6, 60),
    Load("fd77::1", "[fd77::8]:5432", 2, 90),
    inbound("10.0.0.1:8080", "10.0.0.9", 160, 5),
    inbound("10.0.0.1:8080", "10.0.0.10", 45, 30),
    inbound("10.0.0.1:8080", "10.0.0.11", 13, 100),
)
LAB_BESIDE = (
    sock("10.0.0.1:8080", state="LISTEN", wqueue=511, inode=899),
    many("10.0.0.1", "10.0.0.5:443", lports=tried(np.arange(4960, 4990)), inode=range(950, 980)),
    many("10.0.0.1:8080", "10.0.0.9", rports=range(62000, 62030), inode=range(900, 930)),
)
NGINX, WRK = Process(4711, "nginx"), Process(815, "wrk")
COMMANDS = {NGINX: ("nginx: worker process",), WRK: ("wrk", "-t2", "-c30", "-d60s", "https://10.0.0.5/")}
OWNERS = {899 + i: NGINX for i in range(31)} | {950 + i: WRK for i in range(30)}
LAB = Story(lambda second: sample_of(second, LAB_LOADS, *LAB_BESIDE, max_tw_buckets=32768), 200, OWNERS)
"""One destination fills, some do not, and a server has many TIME_WAIT beside them."""

BUDGET = PORTS[1] - PORTS[0] + 1
REFUSED_LOADS = (
    Load("10.0.0.1", "10.0.0.5:443", 250, 60, most=BUDGET),
    Load("10.0.0.1", "10.0.0.6:80", 125, 60, most=BUDGET),
    Load("10.0.0.1", "10.0.0.6:8080", 125, 60, most=BUDGET),
    *LAB_LOADS[3:5],
)
FIRST_REFUSED = {"10.0.0.5": 80, "10.0.0.6": 100}


def refused(second: int) -> Sample:
    """Counting begins when the first budget is half full. Then about 250 connects a second fail at each address."""
    sample = sample_of(second, REFUSED_LOADS, LAB_BESIDE[0], max_tw_buckets=131072)
    varied = 240 + 37 * second % 23
    per_s = {address: varied for address, first in FIRST_REFUSED.items() if second > first}
    counted = failed(sample.mono, per_s, since=sample.mono - second + 71)
    return replace(sample, failures=counted) if second > 71 else sample


REFUSED = Story(refused, 115)
"""Three budgets are full. Two of them are of one address, and what fails there is known of both together."""

EARLIER = replace(LAB, seconds=170)
NOTHING = replace(LAB, seconds=0)


def client(number: int) -> tuple[str, str]:
    """(server, client) of the crowd's nth client."""
    if number % 10 == 3:
        return "[fd77::5]:80", f"fd77::1:{number:x}"
    return "10.0.0.5:80", f"10.{1 + number % 3}.{number // 100}.{1 + number % 250}"


CROWD_LOADS = tuple(inbound(*client(number), 60 / (1 + number) + 0.1, 5) for number in range(200))
CROWD_SERVER = sock("[::]:80", state="LISTEN", wqueue=4095)
CROWD = Story(lambda second: sample_of(second, CROWD_LOADS, CROWD_SERVER, max_tw_buckets=131072), 75)
"""Two hundred clients of one server. A few of them matter."""

KEPT = many("10.0.0.1", "10.0.0.5:5432", lports=range(33000, 33020), inode=range(900, 920))
CALM = Story(lambda second: sample_of(second, (), KEPT, max_tw_buckets=131072), 30, OWNERS)
"""Twenty kept connections and no TIME_WAIT."""

NAMESPACES = NetnsListing(
    (
        Netns(4026531840, None, (Process(1, "systemd"), NGINX, WRK), 19232),
        Netns(4026532301, NetnsTarget("blue", (), ""), (Process(2301, "postgres"),), 122),
        Netns(4026532417, NetnsTarget("pid 3077", (), ""), (Process(3077, "haproxy"),), None),
    ),
    hidden=2,
)
"""The network namespaces of the machine."""
