"""`dataclass` of twtop.records does what the standard decorator does."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from twtop import records

Decorator = Callable[..., Callable[[type], type]]


def _pairs(decorated: Decorator) -> type:
    @decorated(frozen=True, slots=True)
    class Pair:
        """Two, of which one does not compare."""

        left: int
        right: float = field(compare=False, repr=False, default=0.5)

    return Pair


def _empty(decorated: Decorator) -> type:
    @decorated(frozen=True, slots=True)
    class Empty:
        pass

    return Empty


def _one(decorated: Decorator) -> type:
    @decorated(frozen=True)
    class One:
        left: float

    return One


def _mutable(decorated: Decorator) -> type:
    @decorated(slots=True)
    class Mutable:
        left: list[int]

    return Mutable


def _own(decorated: Decorator) -> type:
    @decorated(frozen=True, slots=True)
    class Own:
        left: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

        def __repr__(self) -> str:
            return "own"

    return Own


def _same_object(decorated: Decorator) -> type:
    @decorated(frozen=True, slots=True, eq=False, repr=False)
    class Same:
        left: int

    return Same


NAN = float("nan")
SHAPES: list[tuple[Callable[[Decorator], type], list[tuple[Any, ...]]]] = [
    (_pairs, [(1,), (1, 0.25), (2,), (2, 0.5)]),
    (_empty, [(), ()]),
    (_one, [(NAN,), (NAN,), (float("nan"),), (1.0,), (1,)]),
    (_mutable, [([1],), ([1],), ([2],)]),
    (_own, [(1,), (2,)]),
    (_same_object, [(1,), (1,)]),
]


@pytest.mark.parametrize(("made", "arguments"), SHAPES, ids=lambda value: getattr(value, "__name__", ""))
def test_objects_are_compared_hashed_and_shown_as_by_the_standard_decorator(
    made: Callable[[Decorator], type], arguments: list[tuple[Any, ...]]
) -> None:
    ours, theirs = ([made(decorated)(*given) for given in arguments] for decorated in (records.dataclass, dataclass))
    assert [[one == other for other in ours] for one in ours] == [[one == other for other in theirs] for one in theirs]
    assert [ours[0] != other for other in (*ours, 1, None)] == [theirs[0] != other for other in (*theirs, 1, None)]
    if repr(theirs[0]) != object.__repr__(theirs[0]):
        assert [*map(repr, ours)] == [*map(repr, theirs)]
    assert [*map(_hash_of(ours), ours)] == [*map(_hash_of(theirs), theirs)]
    assert [f.name for f in fields(ours[0])] == [f.name for f in fields(theirs[0])]
    assert hasattr(ours[0], "__dict__") == hasattr(theirs[0], "__dict__")


def _hash_of(objects: list[Any]) -> Callable[[Any], int | None]:
    """The first of these that has the same hash; None where they have none."""

    def place(one: Any) -> int | None:
        return None if one.__hash__ is None else [hash(other) for other in objects].index(hash(one))

    return place


@records.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


def test_it_is_a_dataclass() -> None:
    point = Point(1)
    assert replace(point, y=2) == Point(1, 2)
    assert pickle.loads(pickle.dumps(point)) == point
    assert {point, Point(1, 0)} == {point}
    match point:
        case Point(x, y):
            assert (x, y) == (1, 0)
