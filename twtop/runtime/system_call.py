"""A system call for which Python has no function, or not in every version."""

import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctypes import CDLL, Array, c_char


def system_call(name: str, *arguments: "int | bytes | Array[c_char]") -> None:
    """Call it by Python's function of this name where there is one, else by libc's. Raises OSError."""
    if (own := getattr(os, name, None)) is not None:  # setns() and unshare() from Python 3.12 on
        own(*arguments)
        return
    import ctypes

    if getattr(_libc(), name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@functools.cache
def _libc() -> "CDLL":
    """To open it takes longer than most calls."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
