"""What came and went from one table to the next: all else has waited in TIME_WAIT meanwhile, and only its timer ran."""

from typing import NamedTuple

import numpy as np

from twtop.model import Rows, Sockets


class Turnover(NamedTuple):
    """`came` are the rows of the table of now, and `gone` those of the table `then`, whose sockets were not in
    TIME_WAIT in both of them."""

    then: Sockets
    came: Rows
    gone: Rows


def turnover(then: Sockets, now: Sockets) -> Turnover:
    """What came and went from the table `then` to the next one (Sockets.origin)."""
    if not len(then):
        return Turnover(then, np.arange(len(now)), np.arange(0))
    stays = now.is_time_wait & then.is_time_wait.take(now.origin)
    stays &= now.origin >= 0
    came = np.flatnonzero(~stays)
    is_gone = np.ones(len(then) + 1, np.bool_)  # the last entry is that of no row
    is_gone[now.origin] = False
    is_gone[now.origin[came]] = True
    return Turnover(then, came, np.flatnonzero(is_gone[:-1]))
