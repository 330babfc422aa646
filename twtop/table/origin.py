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
    first, last = before.min(), before.max()
    span = int(last - first) + 1
    if span > SPARSE * len(before):
        order = np.argsort(before)
        found = np.append(order, -1)[index_of(now, before[order])]
    else:
        rows = np.full(span + 1, -1, np.int32)  # the last entry is that of all others
        rows[(before - first).astype(np.intp)] = np.arange(len(before), dtype=np.int32)
        found = rows[np.minimum(now - first, np.uint64(span)).astype(np.intp)].astype(np.intp)
    return np.where(now == NONE, -1, found)
