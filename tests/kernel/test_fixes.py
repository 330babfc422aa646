"""Each fix is tried: its lines are pasted, and the kernel shows whether it keeps its promise."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.support.built_frames import UNBOUNDED
from tests.support.fixed_client import PORT, REMOTE, Application, Client, prepare
from tests.support.forecast_load import Watch
from tests.support.in_namespace import FellBehind, in_namespace, run_in_namespace, run_side_by_side, wait_until
from twtop.engine.pipeline import Pipeline
from twtop.explain.fix import Fix, Promise
from twtop.explain.fixes import fixes
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.sources.decode import decode
from twtop.sources.open_source import open_local
from twtop.sources.probe import read_sample

CHOOSE, CLOSE, KEEP = "Let connect() choose the port", "Let the other side close first", "Keep connections alive"
WIDEN, SPREAD = "Widen the port range", "Spread over more destination ports or addresses"
SOURCES, REUSE = "Connect from more source addresses", "Set tcp_tw_reuse to 1"

BIND_FIRST = Client(
    before="",
    connect=f'sock.connect(("{REMOTE}", {PORT} + n % 4))',
    services=(PORT, PORT + 1, PORT + 2, PORT + 3),
)


def frame() -> Frame:
    pipeline = Pipeline(open_local, UNBOUNDED)
    return pipeline.build(pipeline.read(1.0), View())


def offered(what: str, seen: Frame) -> Fix:
    return next(fix for fix in fixes(seen) if fix.what == what)


def promised(fix: Fix) -> Promise:
    assert fix.promise
    return fix.promise


# Promises of room: how many connections there can be at once


SMALL = (40_000, 40_049)


@pytest.mark.parametrize("what", [WIDEN, SPREAD, SOURCES])
@in_namespace
def test_there_is_as_much_room_as_promised(what: str) -> None:
    """Some ports of the wider range are reserved, listened on or bound."""
    prepare(SMALL, ip_local_reserved_ports="1024-39999,40003,40300-65535,40150")
    application = Application(Client())
    held = [socket.socket(), socket.socket()]
    held[0].bind((REMOTE, 40_200))
    held[0].listen()
    held[1].bind((REMOTE, 40_201))
    for _ in range(30):
        application.request()
    fix = offered(what, frame())
    application.become(application.client.after(fix, capacity=49))
    assert 30 + len(application.fill()) == promised(fix).room
    assert promised(fix).room > 49


@in_namespace
def test_tw_reuse_makes_room_where_old_time_wait_are() -> None:
    prepare(SMALL)
    application = Application(Client())
    for _ in range(50):
        application.request()
    fix = offered(REUSE, frame())
    application.become(application.client.after(fix, capacity=50))
    wait_until(lambda: ages_ms().min() > 1000, what="TIME_WAIT that are old enough")
    assert len(application.fill()) == promised(fix).room == 50


@in_namespace
def test_a_client_that_no_longer_binds_first_has_a_budget_for_each_destination() -> None:
    """Where there was one for all four. The service closes first, so that the ports are free again at once."""
    prepare((40_000, 40_199))
    application = Application(BIND_FIRST)
    bound = application.fill()
    fix = offered(CHOOSE, frame())
    for sock, accepted in bound:
        accepted.close()
        sock.close()
    application.become(application.client.after(fix, capacity=200))
    assert (len(bound), len(application.fill())) == (200, promised(fix).room)
    assert promised(fix).room == 4 * 200


@pytest.mark.parametrize("what", [WIDEN, SOURCES])
@in_namespace
def test_a_client_that_goes_on_to_bind_first_has_as_much_room_as_promised(what: str) -> None:
    """Each of its addresses has one budget for all four destinations."""
    prepare((40_000, 40_199), ip_local_reserved_ports="1024-39999,40400-65535")
    application = Application(BIND_FIRST)
    for _ in range(150):
        application.request()
    fix = offered(what, frame())
    application.become(application.client.after(fix, capacity=200))
    assert 150 + len(application.fill()) == promised(fix).room
    assert promised(fix).room >= 2 * 200


@in_namespace
def test_there_are_as_many_buckets_as_promised() -> None:
    prepare((40_000, 40_999), tcp_max_tw_buckets=60)
    application = Application(replace(Client(), end=("while sock.recv(65536): pass", "sock.close()")))
    for _ in range(80):
        application.request()
    assert time_wait() == 60
    fix = offered("Raise tcp_max_tw_buckets", frame())
    application.become(application.client.after(fix, capacity=1))
    for _ in range(200):
        application.request()
    assert time_wait() == promised(fix).room == 128


def time_wait() -> int:
    return int(np.count_nonzero(decode(read_sample()).sockets.is_time_wait))


def ages_ms() -> np.ndarray:
    sockets = decode(read_sample()).sockets
    return sockets.age_ms[sockets.is_time_wait]


# What is asked of a full budget


@pytest.mark.slow
@in_namespace
def test_twtop_explain_says_what_is_asked_of_a_full_budget() -> None:
    """Everything fails, and twtop begins to count only once it runs."""
    prepare(SMALL)
    application = Application(Client())
    for _ in range(50):
        application.request()
    told = subprocess.Popen([sys.executable, "-m", "twtop", "explain"], stdout=subprocess.PIPE, encoding="utf-8")
    for _ in application.run(per_s=20, seconds=60):
        if told.poll() is not None:
            break
    text = " ".join(told.communicate()[0].split())
    assert "50 of 50 local ports; 0 more connections can be made, full now: " in text
    asked = re.search(r"requests a connection, this rate \((\d+)/s\) becomes", text)
    assert asked
    assert float(asked[1]) == pytest.approx(20, rel=0.1)


# Promises of a rate: what the same demand holds in the long run, and up to which rate nothing fails


RANGE = (40_000, 40_299)
WIDER = "1024-39999,40800-65535"
"""Reserved, so that the widest range has 800 ports."""

DEMAND = 8.0
"""Per second: more than the 4.8 that 300 ports bear, and less than each fix does."""

BEGIN_S, LONG_S = 35, 67
"""For how long the demand goes on at most until twtop knows its rate, and then with the fix: until nothing is left from
before."""

ON_TIME, LATE_S = 0.95, 0.3
"""A client that gets less than this done in its time, or pauses for longer, is on a machine that is too busy."""

BELOW, ABOVE = 0.92, 1.08
"""Of the promised maximum: no connect() fails at the one, and some do at the other."""

REUSE_DELAY_MS = 10_000


@dataclass(frozen=True, slots=True)
class Case:
    """A fix, and the client for which it is tried, with its requests per second, its range and what is reserved."""

    what: str
    client: Client = field(default_factory=Client)
    per_s: float = DEMAND
    ports: tuple[int, int] = RANGE
    reserved: str = ""

    @property
    def capacity(self) -> int:
        return self.ports[1] - self.ports[0] + 1

    def begin(self) -> Application:
        """The client in a namespace that is set up anew."""
        delay = {"tcp_tw_reuse_delay": REUSE_DELAY_MS} if can_set_delay() else {}
        prepare(self.ports, ip_local_reserved_ports=self.reserved, **delay)
        return Application(self.client)

    def find(self, application: Application) -> Fix:
        """Let the client run until twtop knows its rate and offers the fix. Raises FellBehind."""
        watch, asked, late_s, last = Watch(), 0, 0.0, time.monotonic()
        for _ in application.run(self.per_s, BEGIN_S):
            assert application.failed == 0
            asked, late_s, last = asked + 1, max(late_s, time.monotonic() - last), time.monotonic()
            if frame := watch.frame():
                found = [fix for fix in fixes(frame) if fix.what == self.what]
                bottleneck = frame.analysis.bottleneck
                if found and bottleneck and bottleneck.new_per_s == pytest.approx(self.per_s, rel=0.05):
                    return found[0]
        told = f"within {BEGIN_S} s twtop did not offer to {self.what}"
        if asked < ON_TIME * self.per_s * BEGIN_S or late_s > LATE_S:
            raise FellBehind(f"{told}, on a machine that is too busy for {self.per_s:g}/s")
        return pytest.fail(told)


CASES = [
    Case(CHOOSE, BIND_FIRST),
    Case(CLOSE),
    Case(KEEP, per_s=60, ports=(40_000, 41_799)),
    Case(WIDEN, reserved=WIDER),
    Case(SPREAD),
    Case(SOURCES),
    Case(REUSE),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was promised, how many connects failed, and how many ports were held at most in the end."""

    promise: Promise
    failed: int
    held: int


def can_set_delay() -> bool:
    """Whether this kernel can be told the age of a TIME_WAIT that may be taken over (since 6.15)."""
    return Path("/proc/sys/net/ipv4/tcp_tw_reuse_delay").exists()


def goes_on(case: Case) -> Outcome:
    """The fix comes in the middle of the demand, which then goes on."""
    application = case.begin()
    fix = case.find(application)
    application.become(application.client.after(fix, case.capacity))
    held = [0]
    for step, _ in enumerate(application.run(case.per_s, LONG_S)):
        if step > case.per_s * (LONG_S - 4) and not step % round(case.per_s / 2):
            held.append(ports_held(application.client))
    return Outcome(promised(fix), application.failed, max(held))


def at_a_share_of_the_maximum(case: Case, share: float) -> Outcome:
    """The fix is there from the beginning, in a namespace of its own, and the rate is what it promised to bear."""
    fix = case.find(case.begin())
    return run_in_namespace(partial(_at_share, case, fix, share))


def _at_share(case: Case, fix: Fix, share: float) -> Outcome:
    application = case.begin()
    application.become(application.client.after(fix, case.capacity))
    for _ in application.run(promised(fix).max_per_s * share, LONG_S):
        if application.failed:
            break
    return Outcome(promised(fix), application.failed, ports_held(application.client))


def ports_held(client: Client) -> int:
    """The client's sockets that no new connection of it can do without."""
    snapshot = decode(read_sample())
    sockets, limits = snapshot.sockets, snapshot.limits
    rows = sockets.is_connection & np.isin(sockets.rport, client.services)
    if limits.tw_reuse == 1:
        rows &= ~(sockets.age_ms > (limits.tw_reuse_delay_ms or 1000))
    return int(np.count_nonzero(rows))


@pytest.mark.slow
def test_each_fix_bears_what_it_promised() -> None:
    """All at the same time: under the same demand, at a little less than the promised maximum, and a little more."""
    limited = [case for case in CASES if case.what not in (CLOSE, KEEP) and (case.what != REUSE or can_set_delay())]
    runs: list[Callable[[], Outcome]] = [partial(goes_on, case) for case in CASES]
    runs += [partial(at_a_share_of_the_maximum, case, share) for share in (BELOW, ABOVE) for case in limited]
    try:
        outcomes = run_side_by_side(runs, timeout=240)
    except FellBehind as behind:
        pytest.skip(str(behind))
    same, limits = outcomes[: len(CASES)], np.array(outcomes[len(CASES) :], object).reshape(2, len(limited))
    for case, outcome in zip(CASES, same, strict=True):
        assert outcome.promise.max_per_s > case.per_s, (case.what, outcome)
        assert outcome.failed == 0, (case.what, outcome)
        assert outcome.held == pytest.approx(outcome.promise.held, rel=0.1, abs=3), (case.what, outcome)
    for case, slower, faster in zip(limited, *limits, strict=True):
        assert slower.failed == 0, (case.what, slower)
        assert faster.failed > 0, (case.what, faster)
