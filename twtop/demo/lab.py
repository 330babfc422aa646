"""The load lab: a child process makes a scenario's connections in a private network namespace, and twtop looks on."""

import errno
import os
import signal
import threading
import time
from dataclasses import replace

from twtop.demo import private_netns
from twtop.demo.load import ConnectStats, run
from twtop.demo.reports import Reports
from twtop.demo.scenarios import NETWORKS, Scenario
from twtop.records import dataclass
from twtop.sources.open_source import open_local
from twtop.sources.source import OpenSource, ReadBy, Source

REPORT_EVERY_S = 0.5
MOST_CONNECTIONS = 5_000_000
UNKNOWN = 255
"""The exit status of a load that failed for another reason than an error of the kernel."""

WAYS_OUT = {
    errno.EROFS: "run twtop where /proc/sys can be written, as outside of a container",
    errno.EAGAIN: "this user may have no more processes, raise 'ulimit -u'",
    errno.EMFILE: "twtop may open no more files, give it a higher 'ulimit -n'",
    errno.ENOENT: "this kernel has no such setting for a namespace, take another scenario",
}
"""What helps after an error of the kernel."""


class LoadRefused(Exception):
    """The load cannot begin. The text is one line that says why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: `rate` per second over all streams, for `seconds`, with these ephemeral ports."""

    scenario: Scenario
    rate: float
    seconds: float
    ports: tuple[int, int]


class Lab:
    """A running load. To start it moves this process into a new network namespace; the process must have one thread."""

    def __init__(self, plan: Plan) -> None:
        """Start the load. Raises NamespaceRefused where the kernel gives no namespace, and LoadRefused."""
        private_netns.enter()
        try:
            _set_up(plan)
            self._reports = Reports()
            parent = os.getpid()
            self.child = os.fork()
        except OSError as error:
            raise LoadRefused(f"cannot start the load: {_explained(error)}") from error
        if self.child == 0:
            _work(plan, self._reports, parent)
        self._name = plan.scenario.name
        self._last = ""
        self._status: int | None = None
        self._reaping = threading.Lock()

    def open(self, open_source: OpenSource = open_local) -> Source:
        """A source of the namespace's sockets. `load` of each Sample is the last report."""
        source = open_source()
        return ReadBy(lambda request: replace(source.read(request), load=self.report()))

    def wait_for_load(self) -> None:
        """Return when the load has reported once. Raises LoadRefused if it has ended before."""
        while not self.report():
            time.sleep(0.01)
        if fault := self._fault():
            raise LoadRefused(fault)

    def report(self) -> str:
        """What the load has said last about its connect() calls, or how it came to an end; empty before that."""
        self._last = self._reports.newest() or self._last
        return self._fault() or self._last

    def close(self) -> None:
        """End the load and reap it. The namespace ends with the last process in it."""
        if self._reap(os.WNOHANG) is None:
            os.kill(self.child, signal.SIGKILL)
            self._reap(0)

    def _fault(self) -> str:
        """Why there is no load any more, empty while it goes on: it does not end by itself."""
        status = self._reap(os.WNOHANG)
        if status is None:
            return ""
        if status < 0:
            return f"{self._name}: load ended by {signal.Signals(-status).name}"
        return f"{self._name}: load failed: {_explained(OSError(status, os.strerror(status)))}"

    def _reap(self, options: int) -> int | None:
        """The exit status of the load, negative where a signal ended it; None while it runs."""
        with self._reaping:  # also the thread that reads asks
            if self._status is None:
                pid, status = os.waitpid(self.child, options)
                self._status = os.waitstatus_to_exitcode(status) if pid else None
            return self._status


def _explained(error: OSError) -> str:
    """The error, and what helps, in one line."""
    where = f" ({error.filename})" if error.filename else ""
    way_out = WAYS_OUT.get(error.errno or 0)
    return f"{error.strerror}{where}" + (f": {way_out}" if way_out else "")


def _set_up(plan: Plan) -> None:
    for network, bits in NETWORKS:
        if ":" not in network or private_netns.has_ipv6():
            private_netns.add_local_network(network, bits)
    private_netns.sysctl("net.ipv4.ip_local_port_range", f"{plan.ports[0]} {plan.ports[1]}")
    for name, value in plan.scenario.sysctls.items():
        private_netns.sysctl(name, value)


def _work(plan: Plan, reports: Reports, parent: int) -> None:
    """The child: never returns. Its exit status is the errno that has ended it."""
    status = UNKNOWN
    try:
        import resource  # only on Unix

        private_netns.die_with_parent(parent)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)  # the keys of the terminal are for the monitor
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        _run(plan, reports)
    except OSError as error:
        status = error.errno or status
    finally:
        os._exit(status)


def _run(plan: Plan, reports: Reports) -> None:
    scenario, stats = plan.scenario, ConnectStats()
    streams = scenario.streams(stats, plan.rate / scenario.rate)
    since, before = time.monotonic(), ConnectStats()
    for _ in run(streams, plan.seconds, MOST_CONNECTIONS):
        if (span := time.monotonic() - since) >= REPORT_EVERY_S:
            reports.send(f"{scenario.name}: {report_line(stats, before, span)}")
            since, before = time.monotonic(), replace(stats, failed=stats.failed.copy())
    reports.send(f"{scenario.name}: load ended after {stats.calls:,} calls of connect()")
    while True:
        signal.pause()  # keeps its sockets, so that they can still be looked at


def report_line(stats: ConnectStats, before: ConnectStats, span: float) -> str:
    """How the connect() calls ended in the `span` seconds between two statistics.

    >>> from collections import Counter
    >>> report_line(ConnectStats(120, Counter({99: 30}), 0.3), ConnectStats(20, Counter(), 0.0), 1.0)
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
