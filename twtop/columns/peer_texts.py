"""What batch text has of the rows of the peers table, where it is more than a number."""

import math
from collections.abc import Iterator

from twtop import formatting as fmt
from twtop.columns import failed
from twtop.columns.peer_cells import asked, is_inferred, time_to_full
from twtop.columns.peer_rows import ManyPeers
from twtop.model import Direction

WIDEST = 120
"""Cells for what is last in its line."""


def ports_in_words(peers: ManyPeers) -> Iterator[str]:
    """The gauge in words: `:443 23,432/28,232 83 %`, or `:8080 64,203/64,512 client ports` behind a listener."""
    budget = peers.groups.budgets
    columns = (peers.groups.destinations.port, budget.used, budget.capacity, budget.pressure)
    each = (column[peers.destination].tolist() for column in columns)
    for direction, port, used, capacity, pressure in zip(peers.direction.tolist(), *each, strict=True):
        held = f":{port} {fmt.count(used)}"
        if direction == Direction.INBOUND:
            yield f"{held}/{fmt.count(capacity)} client ports"
        elif math.isnan(capacity):
            yield f"{held}, budget unknown"
        else:
            yield f"{held}/{fmt.count(capacity)} {fmt.percent(pressure)}"


def asked_per_s(peers: ManyPeers) -> Iterator[str]:
    budgets = peers.groups.budgets
    figures = (peers.each(column).tolist() for column in (budgets.new_per_s, is_inferred(budgets)))
    return (asked(*each).rstrip() for each in zip(*figures, strict=True))


def times_to_full(peers: ManyPeers) -> Iterator[str]:
    budgets = peers.groups.budgets
    columns = (budgets.full_in_s, budgets.waits, budgets.limit.lately)
    return map(time_to_full, *(peers.each(column).tolist() for column in columns))


def failed_per_s(peers: ManyPeers) -> list[str]:
    return [failed.per_s(each) for each in peers.failed]


def failed_60s(peers: ManyPeers) -> list[str]:
    return [failed.last_60s_among(each, peers.groups, WIDEST) for each in peers.failed]
