"""Failed connects that several destinations of one address share, since the kernel tells the remote address alone."""

from collections.abc import Sequence

import numpy as np

from twtop import formatting as fmt
from twtop.budgets.port_budgets import PortBudgets
from twtop.dump.destinations import Destinations
from twtop.model import Addresses, Rows

MOST_NAMED = 3
"""How many ports or addresses are named; of more the first of these, and how many more there are."""


def sharing(destinations: Destinations, budgets: PortBudgets, destination: int) -> Rows:
    """The numbers of all destinations that share failed connects with this one, itself too; empty where none does."""
    shared = ~np.isnan(budgets.failed_shared_60s)
    if not shared[destination]:
        return np.empty(0, np.intp)
    return np.flatnonzero(shared & (destinations.remote == destinations.remote[destination]))


def told_apart(destinations: Destinations, budgets: PortBudgets, addresses: Addresses, destination: int) -> str:
    """What the destinations that share failed connects differ in: “to 443 or 8443”, “to 443 from 10.0.0.1 or 10.0.0.2”,
    or “to 443 or elsewhere” where others may not have been read. Empty where none are shared."""
    rows = sharing(destinations, budgets, destination)
    if not len(rows):
        return ""
    ports = [str(port) for port in np.unique(destinations.port[rows]).tolist()]
    if len(ports) > 1:
        return f"to {_either(ports)}"
    if len(rows) == 1:
        return f"to {ports[0]} or elsewhere"
    clients = [fmt.address(addresses.integer(code)) for code in np.unique(destinations.local[rows]).tolist()]
    return f"to {ports[0]} from {_either(clients)}"


def worst_shared(destinations: Destinations, budgets: PortBudgets, addresses: Addresses) -> str:
    """“10.0.0.5: 120/s fail, to 443 or 8443”: of the address at which most of what several share failed; else empty."""
    shared = budgets.failed_shared_60s
    if np.isnan(shared).all():
        return ""
    worst = int(np.nanargmax(shared))
    per_s, to = float(budgets.failed_shared_per_s[worst]), told_apart(destinations, budgets, addresses, worst)
    failing = f"{fmt.per_s(per_s)} fail" if per_s > 0 else f"{fmt.count(float(shared[worst]))} failed in 60 s"
    return f"{fmt.address(addresses.integer(int(destinations.remote[worst])))}: {failing}, {to}"


def _either(names: Sequence[str]) -> str:
    """
    >>> _either(["80"]), _either(["80", "443"]), _either(["1", "2", "3", "4", "5"])
    ('80', '80 or 443', '1, 2 or 3 more')
    """
    if len(names) <= MOST_NAMED:
        return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    shown = names[: MOST_NAMED - 1]
    return f"{', '.join(shown)} or {len(names) - len(shown)} more"
