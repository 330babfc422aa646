"""For a value that may be None by its type and must not be here."""

from typing import TypeVar

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """Return the value; the test fails where it is None."""
    assert value is not None
    return value
