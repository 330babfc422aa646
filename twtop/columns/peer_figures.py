"""Columns of port budgets as the figures that text, CSV and JSON have in a row of the peers."""

from collections.abc import Callable, Iterator

import numpy as np

from twtop import formatting as fmt
from twtop.budgets.port_budgets import PortBudgets
from twtop.columns.peer_rows import ManyPeers
from twtop.columns.values import integers, names, numbers
from twtop.dump.destinations import Destinations
from twtop.model import Codes, Floats, Mask


def address_of(codes: Callable[[Destinations], Codes]) -> Callable[[ManyPeers], list[str]]:
    return lambda peers: names(peers.groups.addresses, peers.each(codes(peers.groups.destinations)))


def device_names(peers: ManyPeers) -> list[str | None]:
    """The interface that the sockets of each row are bound to, None for none. Few are."""
    numbers = peers.each(peers.groups.destinations.device)
    found: list[str | None] = [None] * len(numbers)
    for row in np.flatnonzero(numbers).tolist():
        found[row] = fmt.device(int(numbers[row]), peers.groups.device_names) or None
    return found


def count_of(column: Callable[[PortBudgets], Floats]) -> Callable[[ManyPeers], list[int | None]]:
    return lambda peers: integers(peers.each(column(peers.groups.budgets)))


def number_of(column: Callable[[PortBudgets], Floats], digits: int = 2) -> Callable[[ManyPeers], list[float | None]]:
    return lambda peers: numbers(peers.each(column(peers.groups.budgets)), digits)


def figure_of(
    write: Callable[[float], str], column: Callable[[PortBudgets], Floats]
) -> Callable[[ManyPeers], Iterator[str]]:
    return lambda peers: map(write, peers.each(column(peers.groups.budgets)).tolist())


def fullness(peers: ManyPeers) -> list[str]:
    budgets = peers.groups.budgets
    full_in_s = peers.each(budgets.full_in_s)
    words = np.select(
        [peers.each(budgets.is_now), np.isnan(full_in_s), np.isinf(full_in_s)],
        ["now", "unknown", "never"],
        default="soon",
    )
    found: list[str] = words.tolist()
    return found


def flag_of(column: Callable[[PortBudgets], Mask]) -> Callable[[ManyPeers], list[bool]]:
    def flags(peers: ManyPeers) -> list[bool]:
        found: list[bool] = peers.each(column(peers.groups.budgets)).tolist()
        return found

    return flags
