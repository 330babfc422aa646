"""What a target is, and a reader of drawn bytes."""

import random
from collections.abc import Callable
from dataclasses import dataclass


class Finding(Exception):
    """The product is wrong about an input."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to try bytes on: `check` raises whatever is not as documented, Finding where an answer is wrong.

    `words` are pieces that inputs of this kind have, `change` makes another input of one, if bytes alone seldom would.
    """

    check: Callable[[bytes], None]
    words: tuple[str, ...] = ()
    change: Callable[[bytes, random.Random], bytes] | None = None
    most: int = 4096


def demand(holds: object, what: str) -> None:
    """Raise Finding with this line unless it holds."""
    if not holds:
        raise Finding(what)


class Drawn:
    """Numbers and texts out of bytes, one after the other; zeros behind their end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._data)

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece.ljust(size, b"\0")

    def below(self, bound: int) -> int:
        """A number from 0 on, of at most four bytes."""
        return int.from_bytes(self.take((bound - 1).bit_length() + 7 >> 3 or 1)) % bound

    def piece(self) -> bytes:
        """Up to the next 0xFE, which no UTF-8 has."""
        end = self._data.find(b"\xfe", self._at)
        piece = self._data[self._at : end if end >= 0 else len(self._data)]
        self._at += len(piece) + 1
        return piece

    def rest(self) -> bytes:
        piece, self._at = self._data[self._at :], len(self._data)
        return piece
