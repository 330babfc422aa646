"""A named value of JSON and CSV, with the JSON Schema that is published of it."""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

Source = TypeVar("Source")
Value = TypeVar("Value", covariant=True)

Shape = Mapping[str, object]
"""A piece of JSON Schema 2020-12."""

TEXT: Shape = {"type": "string"}
COUNT: Shape = {"type": "integer", "minimum": 0}
PORT_NUMBER: Shape = {"type": "integer", "minimum": 0, "maximum": 65535}
NUMBER: Shape = {"type": "number"}
POSITIVE: Shape = {"type": "number", "minimum": 0}
FLAG: Shape = {"type": "boolean"}


def nullable(shape: Shape) -> Shape:
    """The same, or null.

    >>> nullable(NUMBER), nullable({"enum": ["a"]})
    ({'type': ['number', 'null']}, {'enum': ['a', None]})
    """
    if isinstance(names := shape.get("enum"), list):
        return {**shape, "enum": [*names, None]}
    return {**shape, "type": [shape["type"], "null"]}


class In(enum.Flag):
    """The records that have a field: objects of the JSON, and lines of the CSV."""

    NOWHERE = 0
    GROUP = enum.auto()
    """An object of `peers`."""
    OUTBOUND = enum.auto()
    """An object of `destinations`, outbound."""
    OTHER = enum.auto()
    """An object of `destinations`, inbound or of unknown direction."""
    CSV_OUTBOUND = enum.auto()
    """A line of CSV on an outbound row."""
    CSV_OTHER = enum.auto()
    """A line of CSV on any other row."""
    SOCKET = enum.auto()
    """An object of `sockets`."""
    DESTINATION = OUTBOUND | OTHER
    CSV = CSV_OUTBOUND | CSV_OTHER


class Field(Generic[Source, Value]):
    """`value` makes it of its source: one value of a frame, or of many rows a plain value each.

    `meaning` is published: one or two sentences with the unit, and with what null means where there may be one.
    """

    def __init__(self, name: str, shape: Shape, meaning: str, value: Callable[[Source], Value]) -> None:
        self.name = name
        self.shape = shape
        self.meaning = meaning
        self.value = value


def plain(fields: Iterable[Field[Source, object]], source: Source) -> dict[str, object]:
    """An object with these fields of one source."""
    return {field.name: field.value(source) for field in fields}


def object_of(fields: Iterable[Field[Any, object]], **more: Shape) -> dict[str, object]:
    """The JSON Schema of an object that has all these fields, and `more` behind them by name."""
    properties = {field.name: {**field.shape, "description": field.meaning} for field in fields} | more
    return {"type": "object", "properties": properties, "required": [*properties]}
