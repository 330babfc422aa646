"""numpy columns → plain values for JSON and CSV. What is unknown or never happens is None."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop import formatting as fmt
from twtop.model import Addresses, Codes, Floats, Mask


def number(value: float | None, digits: int = 2) -> float | None:
    """Rounded; None where it is unknown (None, NaN) or never (infinity).

    >>> number(0.126), number(math.inf), number(None)
    (0.13, None, None)
    """
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def numbers(values: Floats, digits: int = 2) -> list[float | None]:
    """The same of a column. −0.0 is 0.0."""
    return _known(np.round(values, digits) + 0.0, np.isfinite(values))


def integers(values: Floats) -> list[int | None]:
    """Counts that may be unknown (NaN), as whole numbers.

    >>> integers(np.array([3.0, np.nan]))
    [3, None]
    """
    known = np.isfinite(values)
    return _known(np.where(known, values, 0).astype(np.int64), known)


def names(addresses: Addresses, codes: Codes) -> list[str]:
    """The addresses with these codes as text; each is formatted once."""
    used = np.zeros(len(addresses.hi), np.bool_)
    used[codes] = True
    halves = zip(addresses.hi[used].tolist(), addresses.lo[used].tolist(), strict=True)
    texts = [fmt.address(hi << 64 | lo) for hi, lo in halves]
    place = np.cumsum(used) - 1
    return [texts[at] for at in place[codes].tolist()]


def _known(values: NDArray[Any], known: Mask) -> list[Any]:
    if not known.any():
        return [None] * len(values)
    found: list[Any] = values.tolist()
    for row in np.flatnonzero(~known).tolist():
        found[row] = None
    return found
