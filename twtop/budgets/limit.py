"""Budgets at their limit: when they were last full, what they were asked for before that, and when ports come free.

No dump shows a connect() that finds no port. Where nobody counts these, a full budget is taken to be asked for as much
as before: by the last dump that had free ports, or else by the youngest TIME_WAIT of this one.
"""

from dataclasses import replace

import numpy as np

from twtop.budgets.exhaustion import SOON_S, TimeToFull
from twtop.budgets.rates import SHORT_S, Rates
from twtop.dump.destinations import Names
from twtop.dump.failures import SECONDS, Refused
from twtop.dump.reading import LONG_S, Reading
from twtop.model import Codes, Floats, Mask, Rows
from twtop.records import dataclass, freeze_columns

MOVES = 2
"""A budget is full from one move of the timer wheel to the next but one. At each move some ports come free, and a
steady demand has taken them before the next one."""


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """Of each budget: (budgets,). `full_at` is when it was last known to be full, in seconds of the monotonic clock,
    −∞ for never. `lately` masks those that were full within the last minute, `just_now` those that were within
    `near_s`, some moves of the timer wheel. `was_now` masks those that were called full by the last dump, and
    `was_soon` those that were to be full within SOON_S.

    `seen_s` is for how many seconds the demand can be seen: since the budget was full, where nobody counts what fails,
    else for ever (∞). `unseen` masks those where it cannot be seen: they were full a moment ago, or may be full again
    between two dumps. `asked_per_s` is the demand that the last dump knew, NaN for unknown.
    """

    full_at: Floats
    lately: Mask
    just_now: Mask
    was_now: Mask
    was_soon: Mask
    near_s: float
    seen_s: Floats
    unseen: Mask
    asked_per_s: Floats

    def __post_init__(self) -> None:
        freeze_columns(self)

    def is_now(self, time_to: TimeToFull) -> Mask:
        """Mask of the budgets that are full, as one word for as long as that lasts.

        While ports come free at each move of the wheel, those that will be full again at once are so in between, and
        those that were remain so until they have ports to spare.
        """
        soon_s = np.where(self.was_now, np.fmin(time_to.full, time_to.tight), time_to.full)
        found: Mask = (time_to.full == 0) | self.just_now | (self.lately & (soon_s <= self.near_s))
        return found


def find_limit(
    reading: Reading,
    names: Names,
    is_full: Mask,
    left: Floats,
    failed: Refused | None = None,
    binds: Mask | None = None,
) -> Limit:
    """When each budget was full: by this dump, by those before it, and by the connects that `failed`.

    `names`, `is_full` and `left`, the ports that are free, are (budgets,), and so is `binds`, which masks those whose
    client binds first: nobody can count a bind() that fails. `failed` is None where nobody counts.
    """
    now = reading.snapshot.mono
    full_at, asked_per_s = np.where(is_full, now, -np.inf), np.full(len(names), np.nan)
    was_now = was_soon = np.zeros(len(names), np.bool_)
    if reading.recent:
        last = reading.recent[-1]
        full_at = np.maximum(full_at, last.of(last.full_at, names, missing=-np.inf))
        asked_per_s = last.of(last.asked_per_s, names, missing=np.nan)
        was_now = last.of(last.is_now, names, missing=False)
        was_soon = last.of(last.full_in_s, names, missing=np.nan) <= SOON_S
    if failed is not None:
        seconds_ago = np.argmax(failed.per_second[:, ::-1] > 0, axis=1)
        certain = (failed.last_60s > 0) & ~failed.is_shared
        full_at = np.maximum(full_at, np.where(certain, now - seconds_ago, -np.inf))
    seen_s = now - full_at
    if failed is not None and reading.failures is not None and reading.failures.counting:
        seen_s = np.full(len(names), np.inf) if binds is None else np.where(binds, seen_s, np.inf)
    ago_s, near_s = now - full_at, MOVES * reading.wheel.step_s
    lately = ago_s <= SECONDS
    with np.errstate(divide="ignore", invalid="ignore"):
        soon_taken = left / asked_per_s <= near_s
    unseen = (seen_s <= SHORT_S) | (np.isfinite(seen_s) & lately & soon_taken)
    return Limit(full_at, lately, ago_s <= near_s, was_now, was_soon, near_s, seen_s, unseen, asked_per_s)


def full_lately(reading: Reading) -> Mask:
    """Mask of the destinations that were full in the minute before this dump, by the dumps before it."""
    if not reading.recent:
        return np.zeros(len(reading.names), np.bool_)
    last = reading.recent[-1]
    lately: Mask = reading.snapshot.mono - last.of(last.full_at, reading.names, missing=-np.inf) <= SECONDS
    return lately


def with_unseen_demand(rates: Rates, limit: Limit, code: Rows, age_ms: Codes) -> Rates:
    """The same rates, but of the time in which the demand could be seen, and where it cannot, at least the last known
    one; NaN where that is unknown.

    `code` and `age_ms` are the budget of each TIME_WAIT and its age.
    """
    rates = _since_full(rates, limit.seen_s, code, age_ms)
    if not limit.unseen.any():
        return rates
    known = limit.asked_per_s
    demand = np.where(np.isnan(known), _before_it_was_full(code, age_ms, len(known)), known)
    lacking = np.where(limit.unseen, np.maximum(demand - rates.new, 0.0), 0.0)
    return replace(
        rates,
        closing=rates.closing + lacking,
        least_closing=rates.least_closing + lacking,
        most_closing=rates.most_closing + lacking,
    )


def _since_full(rates: Rates, seen_s: Floats, code: Rows, age_ms: Codes) -> Rates:
    """The same rates, but none over a time in which the budget was full and its demand could not be seen."""
    short = (seen_s > SHORT_S) & (seen_s < rates.seen_s)
    if not short.any():
        return rates
    begun = np.bincount(code[(age_ms >= 0) & (age_ms < seen_s[code] * 1000)], minlength=len(seen_s))
    per_s = begun / np.maximum(seen_s, SHORT_S)
    return replace(
        rates,
        closing=np.where(short, per_s, rates.closing),
        least_closing=np.where(short, np.minimum(per_s, rates.least_closing), rates.least_closing),
        most_closing=np.where(short, np.maximum(per_s, rates.most_closing), rates.most_closing),
        seen_s=np.where(short, seen_s, rates.seen_s),
    )


def _before_it_was_full(code: Rows, age_ms: Codes, count: int) -> Floats:
    """Entries per second in the last seconds up to the youngest TIME_WAIT of each budget: (count,), NaN for none."""
    youngest = np.full(count, np.inf)
    aged = age_ms >= 0
    np.minimum.at(youngest, code[aged], age_ms[aged])
    recent = aged & (age_ms < youngest[code] + SHORT_S * 1000)
    entered = np.bincount(code[recent], minlength=count)
    return np.where(entered > 0, entered / SHORT_S, np.nan)


def freed(code: Rows, free_in_s: Floats, runs_out_s: Floats, count: int) -> tuple[Floats, Floats]:
    """(seconds until each budget gets its next port back, ports per second from then on): (count,), NaN for unknown.

    For each TIME_WAIT that holds a port, `code` is its budget, `free_in_s` the time until the port is free, and
    `runs_out_s` the same without the steps of the timer wheel. The rate is over the first seconds.
    """
    soonest, first, last = np.full(count, np.inf), np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(soonest, code, free_in_s)
    np.minimum.at(first, code, runs_out_s)
    near = runs_out_s <= first[code] + LONG_S
    np.maximum.at(last, code[near], runs_out_s[near])
    number = np.bincount(code[near], minlength=count)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_s = np.where(last > first, (number - 1) / (last - first), np.nan)
    return np.where(np.isinf(soonest), np.nan, soonest), per_s
