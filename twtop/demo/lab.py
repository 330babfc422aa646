"""The load lab: a scenario's connections in a private namespace, made by a child process while twtop looks on."""

import contextlib
import errno
import os
import signal
import time
from dataclasses import dataclass, replace

from twtop.demo import private_netns
from twtop.demo.load import ConnectStats, run
from twtop.demo.scenarios import NETWORKS, Scenario
from twtop.sources.open_source import open_local
from twtop.sources.source import OpenSource, ReadBy, Source

REPORT_EVERY_S = 0.5
MOST_CONNECTIONS = 5_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: `rate` per second over all streams, for `seconds`, with these ephemeral ports."""

    scenario: Scenario
    rate: float
    seconds: float
    ports: tuple[int, int]


class Lab:
    """A running load. Starting it moves this process into its namespace, so it must still have one thread only."""

    def __init__(self, plan: Plan) -> None:
        """Raises NamespaceRefused where the kernel gives none."""
        private_netns.enter()
        for network, bits in NETWORKS:
            if ":" not in network or private_netns.has_ipv6():
                private_netns.add_local_network(network, bits)
        private_netns.sysctl("net.ipv4.ip_local_port_range", f"{plan.ports[0]} {plan.ports[1]}")
        for name, value in plan.scenario.sysctls.items():
            private_netns.sysctl(name, value)
        self._said = b""
        self._line = ""
        self._reports, sender = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            _work(plan, sender)
        os.close(sender)
        os.set_blocking(self._reports, False)

    def open(self, open_source: OpenSource = open_local) -> Source:
        """A source of the namespace's sockets. Each Sample has what the load says of itself in `load`."""
        source = open_source()
        return ReadBy(lambda request: replace(source.read(request), load=self.report()))

    def wait_for_load(self) -> None:
        """Return when the load has reported once."""
        while not self.report() and not self._ended():
            time.sleep(0.01)

    def report(self) -> str:
        """What connect() met lately, as the load tells it; empty before its first words."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._reports, 4096):
                self._said += chunk
        *lines, self._said = self._said.split(b"\n")
        if lines:
            self._line = lines[-1].decode()
        return self._line

    def close(self) -> None:
        """End the load and reap it; the namespace goes with the last process in it."""
        if not self._ended():
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)

    def _ended(self) -> bool:
        try:
            return os.waitpid(self.child, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True


def _work(plan: Plan, sender: int) -> None:
    """The child: never returns."""
    import resource  # Unix alone has it

    status = os.EX_SOFTWARE
    try:
        private_netns.die_with_parent()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)  # the terminal's keys are for the monitor
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        _run(plan, sender)
        status = os.EX_OK
    except Exception as error:
        os.write(sender, f"{plan.scenario.name}: load failed: {error}\n".encode())
    finally:
        os._exit(status)


def _run(plan: Plan, sender: int) -> None:
    scenario, stats = plan.scenario, ConnectStats()
    streams = scenario.streams(stats, plan.rate / scenario.rate)
    since, before = time.monotonic(), ConnectStats()
    for _ in run(streams, plan.seconds, MOST_CONNECTIONS):
        if (span := time.monotonic() - since) >= REPORT_EVERY_S:
            os.write(sender, f"{scenario.name}: {told(stats, before, span)}\n".encode())
            since, before = time.monotonic(), replace(stats, failed=stats.failed.copy())
    os.write(sender, f"{scenario.name}: load ended after {stats.calls:,} calls of connect()\n".encode())
    signal.pause()  # what it still holds stays to be looked at


def told(stats: ConnectStats, before: ConnectStats, span: float) -> str:
    """What connect() met within `span` seconds.

    >>> from collections import Counter
    >>> told(ConnectStats(120, Counter({99: 30}), 0.3), ConnectStats(20, Counter(), 0.0), 1.0)
    'connect() 100/s done, 30/s EADDRNOTAVAIL, mean 2,308 µs'
    """
    done, failed, calls = stats.done - before.done, stats.failed - before.failed, stats.calls - before.calls
    made = "none lately"
    if calls:
        refused = (f"{count / span:,.0f}/s {errno.errorcode.get(code, code)}" for code, count in failed.most_common())
        errors = ", ".join(refused) or "none failed"
        made = f"{done / span:,.0f}/s done, {errors}, mean {(stats.spent_s - before.spent_s) / calls * 1e6:,.0f} µs"
    requests = (stats.requests - before.requests) / span
    kept = f"; {requests:,.0f} requests/s over kept connections" if stats.requests else ""
    return f"connect() {made}{kept}"
