"""Which row of the table before each row of this one was."""

import numpy as np

from twtop.arrays import Keys, index_of
from twtop.model import Rows

SPARSE = 8
"""Of identities that span more than so many times their number, a table would take more time than a search."""

NONE = np.uint64(0)
"""The identity of sockets whose source tells none."""


def origin(before: Keys, now: Keys) -> Rows:
    """The row of each of these identities in the table before, −1 for those that are new: (now,).

    The kernel numbers sockets as it makes them (sock_gen_cookie in net/core/sock_diag.c), so identities are nearly
    consecutive, and one look-up finds each. Where they are sparse, as hashes are, they are searched.

    >>> origin(np.array([7, 9], np.uint64), np.array([9, 8, 7], np.uint64)).tolist()
    [1, -1, 0]
    """
    if not len(before) or not len(now):
        return np.full(len(now), -1, np.intp)
    first, last = int(before.min()), int(before.max())
    span = last - first + 1
    if span > SPARSE * len(before):
        order = np.argsort(before)
        found = np.append(order, -1)[index_of(now, before[order])]
        return np.where(now == NONE, -1, found)
    rows = np.full(span + 2, -1, np.int32)  # the first and the last entry are those of all others
    below = np.uint64(first) - np.ones(1, np.uint64)  # of 0 it is the highest number
    rows[(before - below).view(np.intp)] = np.arange(len(before), dtype=np.int32)
    if first == NONE:
        rows[1] = -1
    return rows.take((now - below).view(np.intp), mode="clip").astype(np.intp)
