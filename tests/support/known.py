"""What a test expects to be known."""

from typing import TypeVar

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """The value; fails where it is unknown."""
    assert value is not None
    return value
