"""What would help here, in the order in which to try it, and what each fix would change in this machine's numbers."""

import math
from dataclasses import dataclass

import numpy as np

from twtop import formatting as fmt
from twtop.analysis.bottleneck import worst_binder, worst_destination
from twtop.analysis.reuse import reuse_delay_ms
from twtop.frame.frame import Frame
from twtop.model import Direction, TcpState
from twtop.verdicts.verdict import SHARE_WARN, Level

WIDEST = (1024, 65535)
"""The widest range. Ports below 1024 are for privileged programs."""

REQUESTS_KEPT = 100
"""Requests per kept connection in the example. The limits of nginx and Apache for keep-alive are this or more."""

SMALLEST_GAIN = 1.05
"""A wider range is offered if it has at least this many times as many ports."""

MEAN_LIFE_S = 61.0
"""60 s, and half a step of the timer wheel at 250 Hz (timer_wheel.mean_life_s)."""


@dataclass(frozen=True, slots=True)
class Fix:
    """`what` to do, and the `effect` that it would have, in numbers."""

    what: str
    effect: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """The budget that is short of ports: of an outbound destination, or of an address that binds first.

    `capacity`, `live` and `waiting` count ports: all, those of connections not in TIME_WAIT, and those of TIME_WAIT.
    `rate` is new connections per second, NaN for unknown. `life` is the seconds for which a closed connection keeps its
    port.
    """

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
        """The ports that are held at this rate in the long run."""
        return self.rate * self.life + self.live

    def verdict(self, capacity: float) -> str:
        """What another capacity would mean at this rate, in words."""
        most = max(0.0, capacity - self.live) / self.life
        if math.isnan(self.rate):
            return f"good for {fmt.rate(most)}/s; the present rate is unknown without timers"
        if self.needed < capacity:
            return f"at this rate ({fmt.rate(self.rate)}/s) never full, up to {fmt.rate(most)}/s"
        return f"good for {fmt.rate(most)}/s, still short of {fmt.rate(self.rate)}/s"


def fixes(frame: Frame) -> tuple[Fix, ...]:
    """The fixes for the budget that is short, else for a full table of buckets; empty where neither is short."""
    if (shared := _bound_first(frame)) is not None:
        # More destinations would not help, since they share the budgets. Nor does bind() take over a TIME_WAIT.
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
    """The one budget of the local address that binds before it connects, if it is at least half full."""
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
    groups, budgets = frame.groups, frame.groups.budgets
    worst = worst_destination(groups.destinations, budgets)
    if worst is None:
        return None
    pressure, full_in = float(budgets.pressure[worst]), float(budgets.full_in_s[worst])
    if pressure < SHARE_WARN and not budgets.past_cliff[worst] and not math.isfinite(full_in):
        return None
    local, remote = int(groups.destinations.local[worst]), int(groups.destinations.remote[worst])
    loopback = groups.addresses.is_loopback
    used, waiting = float(budgets.used[worst]), float(budgets.time_wait[worst])
    capacity, live = float(budgets.capacity[worst]), used - waiting
    most = float(budgets.max_per_s[worst])
    return Pressed(
        name=fmt.endpoint(groups.addresses.integer(remote), int(groups.destinations.port[worst])),
        local=fmt.address(groups.addresses.integer(local)),
        capacity=capacity,
        live=live,
        waiting=waiting,
        rate=float(budgets.new_per_s[worst]),
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
    """How many budgets bear this rate if each stays below half, the cliff; at least two. Two for an unknown rate."""
    if math.isnan(pressed.rate):
        return 2
    return max(2, math.ceil(pressed.needed / (pressed.capacity * SHARE_WARN)))


def _tw_reuse(frame: Frame, pressed: Pressed) -> Fix | None:
    """None where tcp_tw_reuse = 1 would change nothing.

    That is without timestamps or TIME_WAIT, or where it is 1 already, or 2 and the destination is on loopback.
    """
    limits = frame.snapshot.limits
    if limits.tw_reuse is None or limits.timestamps is None or limits.timestamps == 0 or limits.tw_reuse == 1:
        return None
    if not pressed.waiting or (limits.tw_reuse == 2 and pressed.loopback):
        return None
    delay_ms = reuse_delay_ms(limits)
    old = pressed.waiting - np.minimum(pressed.waiting, pressed.rate * delay_ms / 1000)
    return Fix(
        "Set tcp_tw_reuse to 1",
        f"connect() may then take over TIME_WAIT older than {fmt.setting(delay_ms / 1000)}: about "
        f"{fmt.count(old)} of the {fmt.count(pressed.waiting)} here at once; it needs timestamps on both sides",
    )


def _for_buckets(frame: Frame) -> tuple[Fix, ...]:
    """The fixes for a table of buckets that is nearly full. TIME_WAIT behind a listener need buckets, but no ports."""
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
