"""What would help here, in the order in which to try it, each with what it would change in this machine's numbers."""

import math
from dataclasses import dataclass

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.bottleneck import worst_binder, worst_destination
from twtop.analysis.port_budgets import DEFAULT_REUSE_DELAY_MS
from twtop.analysis.verdicts import SHARE_WARN, Level
from twtop.frame.frame import Frame
from twtop.model import Direction, TcpState

WIDEST = (1024, 65535)
"""Below 1024 only privileged programs should be given ports."""

REQUESTS_KEPT = 100
"""Requests per kept connection in the example: nginx's and Apache's keep-alive limits are of this size or above."""

SMALLEST_GAIN = 1.05

MEAN_LIFE_S = 61.0
"""60 s and half a step of the timer wheel at 250 Hz."""


@dataclass(frozen=True, slots=True)
class Fix:
    """`effect` says what it would change, in numbers."""

    what: str
    effect: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """The outbound destination that is short of ports: `rate` new per second, NaN if unknown, and `life`, the seconds
    that each port is held."""

    name: str
    local: str
    capacity: float
    live: float
    waiting: float
    rate: float
    life: float
    loopback: bool

    @property
    def needed(self) -> float:
        """Ports that this rate holds in the long run."""
        return self.rate * self.life + self.live

    def verdict(self, capacity: float) -> str:
        """What another capacity would mean at this rate."""
        most = max(0.0, capacity - self.live) / self.life
        if math.isnan(self.rate):
            return f"good for {fmt.rate(most)}/s; the present rate is unknown without timers"
        if self.needed < capacity:
            return f"at this rate ({fmt.rate(self.rate)}/s) never full, up to {fmt.rate(most)}/s"
        return f"good for {fmt.rate(most)}/s, still short of {fmt.rate(self.rate)}/s"


def fixes(frame: Frame) -> tuple[Fix, ...]:
    """For the budget that is short if there is one, else for a full bucket table; empty when neither is short."""
    if (shared := _bound_first(frame)) is not None:
        # One budget over all destinations: more of them would not help, nor does bind() take over a TIME_WAIT.
        found = (_other_side_closes(shared), _keep_alive(shared), _wider_range(frame, shared), _more_sources(shared))
        return tuple(fix for fix in found if fix is not None)
    if (pressed := _pressed(frame)) is not None:
        all_of_them = (
            _other_side_closes(pressed),
            _keep_alive(pressed),
            _wider_range(frame, pressed),
            _more_destinations(pressed),
            _more_sources(pressed),
            _tw_reuse(frame, pressed),
        )
        return tuple(fix for fix in all_of_them if fix is not None)
    return _for_buckets(frame)


def _bound_first(frame: Frame) -> Pressed | None:
    """The one budget of a local address that binds before it connects, when that is past half."""
    binders, binder = frame.analysis.bind_first, worst_binder(frame.analysis.bind_first)
    if binders is None or binder is None or binders.pressure[binder] < SHARE_WARN:
        return None
    ports, live = float(binders.ports[binder]), float(binders.live[binder])
    return Pressed(
        name=f"its {fmt.count(binders.destinations[binder])} destinations",
        local=fmt.address(frame.groups.addresses.integer(binders.local[binder])),
        capacity=ports / float(binders.pressure[binder]),
        live=live,
        waiting=max(0.0, ports - live),
        rate=float(binders.new_per_s[binder]),
        life=MEAN_LIFE_S,
        loopback=False,
    )


def _pressed(frame: Frame) -> Pressed | None:
    groups, budget = frame.groups, frame.groups.budgets
    worst = worst_destination(groups.destinations, budget)
    if worst is None:
        return None
    pressure, full_in = float(budget.pressure[worst]), float(budget.full_in_s[worst])
    if pressure < SHARE_WARN and not budget.past_cliff[worst] and not math.isfinite(full_in):
        return None
    local, remote = int(groups.destinations.local[worst]), int(groups.destinations.remote[worst])
    loopback = groups.addresses.is_loopback
    used, waiting = float(budget.used[worst]), float(budget.time_wait[worst])
    capacity, live = float(budget.capacity[worst]), used - waiting
    most = float(budget.max_per_s[worst])
    return Pressed(
        name=fmt.endpoint(groups.addresses.integer(remote), int(groups.destinations.port[worst])),
        local=fmt.address(groups.addresses.integer(local)),
        capacity=capacity,
        live=live,
        waiting=waiting,
        rate=float(budget.new_per_s[worst]),
        life=(capacity - live) / most if most > 0 else MEAN_LIFE_S,
        loopback=bool(loopback[local] or loopback[remote]),
    )


def _other_side_closes(pressed: Pressed) -> Fix | None:
    if not pressed.waiting:
        return None
    return Fix(
        "Let the other side close first",
        f"the TIME_WAIT then stay at {pressed.name}, where they need no ports: "
        f"{fmt.count(pressed.waiting)} of {fmt.count(pressed.capacity)} local ports come free here",
    )


def _keep_alive(pressed: Pressed) -> Fix | None:
    if not pressed.rate >= 1:
        return None
    held = pressed.rate / REQUESTS_KEPT * pressed.life + pressed.live
    return Fix(
        "Keep connections alive",
        f"with {REQUESTS_KEPT} requests a connection, {fmt.rate(pressed.rate)}/s become "
        f"{fmt.rate(pressed.rate / REQUESTS_KEPT)}/s: about {fmt.count(held)} ports instead of "
        f"{fmt.count(min(pressed.needed, pressed.capacity))}",
    )


def _wider_range(frame: Frame, pressed: Pressed) -> Fix | None:
    current = frame.snapshot.limits.port_range
    if current is None:
        return None
    low, high = min(WIDEST[0], current[0]), WIDEST[1]
    taken = (current[1] - current[0] + 1) - pressed.capacity
    capacity = high - low + 1 - taken
    if capacity < pressed.capacity * SMALLEST_GAIN:
        return None
    return Fix(
        "Widen the port range",
        f"ip_local_port_range {low} {high}: {fmt.count(capacity)} ports, {pressed.verdict(capacity)}",
    )


def _more_destinations(pressed: Pressed) -> Fix | None:
    number = _copies(pressed)
    return Fix(
        "Spread over more destination ports or addresses",
        f"each has a budget of its own: {number} instead of 1 make {fmt.count(number * pressed.capacity)} ports, "
        f"{pressed.verdict(number * pressed.capacity)}",
    )


def _more_sources(pressed: Pressed) -> Fix | None:
    number = _copies(pressed)
    return Fix(
        "Connect from more source addresses",
        f"beside {pressed.local}: {number} addresses make {fmt.count(number * pressed.capacity)} ports towards "
        f"{pressed.name}, {pressed.verdict(number * pressed.capacity)}",
    )


def _copies(pressed: Pressed) -> int:
    """How many budgets carry this rate below the cliff at half of each; at least two, and two where it is unknown."""
    if math.isnan(pressed.rate):
        return 2
    return max(2, math.ceil(pressed.needed / (pressed.capacity * SHARE_WARN)))


def _tw_reuse(frame: Frame, pressed: Pressed) -> Fix | None:
    """Only where it changes something: timestamps on, not on already, TIME_WAIT there, not loopback under 2."""
    limits = frame.snapshot.limits
    if limits.tw_reuse is None or limits.timestamps is None or limits.timestamps == 0 or limits.tw_reuse == 1:
        return None
    if not pressed.waiting or (limits.tw_reuse == 2 and pressed.loopback):
        return None
    delay_ms = DEFAULT_REUSE_DELAY_MS if limits.tw_reuse_delay_ms is None else limits.tw_reuse_delay_ms
    old = pressed.waiting - np.minimum(pressed.waiting, pressed.rate * delay_ms / 1000)
    return Fix(
        "Set tcp_tw_reuse to 1",
        f"connect() may then take over TIME_WAIT older than {fmt.setting(delay_ms / 1000)}: about "
        f"{fmt.count(old)} of the {fmt.count(pressed.waiting)} here at once; it needs timestamps on both sides",
    )


def _for_buckets(frame: Frame) -> tuple[Fix, ...]:
    """A pile behind a listener needs no ports; it is only ever short of buckets."""
    level = next(verdict.level for verdict in frame.verdicts if verdict.id == "buckets")
    if level in (Level.OK, Level.UNKNOWN):
        return ()
    inbound = frame.groups.destinations.per_socket() == Direction.INBOUND
    waiting = int(np.count_nonzero(inbound & (frame.snapshot.sockets.state == TcpState.TIME_WAIT)))
    found = []
    if waiting:
        found.append(
            Fix(
                "Let the other side close first",
                f"{fmt.count(waiting)} TIME_WAIT of accepted connections then stay at the clients",
            )
        )
    if rate := frame.total.entered_per_s:
        kept = f"{fmt.rate(rate)} entries per second become {fmt.rate(rate / REQUESTS_KEPT)}"
        found.append(Fix("Keep connections alive", f"with {REQUESTS_KEPT} requests a connection, {kept}"))
    return tuple(found)
