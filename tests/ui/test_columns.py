"""Where columns go in a given room."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from twtop.columns.column import Column
from twtop.columns.tones import Line, Tone
from twtop.ui.kit.columns import GAP, Slot, lay_out


def cell(row: str, _width: int) -> Line:
    return ((row, Tone.PLAIN),)


def column(name: str, width: int, *, least: int = 0, most: int = 0, priority: int = 5) -> Column[str]:
    return Column(name, name, width, cell, "", least=least, most=most, priority=priority)


@st.composite
def columns(draw: st.DrawFn) -> list[Column[str]]:
    """Some columns as a table may have them: least ≤ width ≤ most, where they have them."""
    made = []
    for number in range(draw(st.integers(1, 8))):
        width = draw(st.integers(1, 40))
        least = draw(st.integers(0, width))
        most = draw(st.sampled_from([0, width, width + 7, width + 30]))
        made.append(column(str(number), width, least=least, most=most, priority=draw(st.integers(1, 12))))
    return made


rooms = st.integers(1, 200)


def narrowest(one: Column[str]) -> int:
    return one.least or one.width


def names(placed: list[Slot[str]]) -> str:
    return "".join(each.column.name for each in placed)


def widths(placed: list[Slot[str]]) -> list[int]:
    return [each.width for each in placed]


@given(columns(), rooms)
def test_never_wider_than_the_room(made: list[Column[str]], room: int) -> None:
    most_important = max(made, key=lambda each: each.priority)
    last = lay_out(made, max(room, narrowest(most_important)))[-1]
    assert last.x + last.width <= max(room, narrowest(most_important))


@given(columns(), rooms)
def test_in_their_order_and_a_gap_apart(made: list[Column[str]], room: int) -> None:
    placed = lay_out(made, room)
    assert [each.column for each in placed] == [each for each in made if each in [one.column for one in placed]]
    assert placed[0].x == 0
    assert all(right.x == left.x + left.width + GAP for left, right in pairwise(placed))


@given(columns(), rooms)
def test_each_between_its_least_and_its_most(made: list[Column[str]], room: int) -> None:
    for each in lay_out(made, room):
        assert 1 <= narrowest(each.column) <= each.width <= max(each.column.width, each.column.most)


@given(columns(), rooms)
def test_the_most_important_stays(made: list[Column[str]], room: int) -> None:
    kept = max(each.column.priority for each in lay_out(made, room))
    assert kept == max(each.priority for each in made)


@given(columns())
def test_all_at_least_at_their_width_where_there_is_room(made: list[Column[str]]) -> None:
    room = sum(each.width for each in made) + GAP * (len(made) - 1)
    placed = lay_out(made, room)
    assert widths(placed) == [each.width for each in made]


@given(columns(), rooms)
def test_no_room_is_left_that_a_column_could_take(made: list[Column[str]], room: int) -> None:
    placed = lay_out(made, room)
    left = room - placed[-1].x - placed[-1].width
    assert left <= 0 or all(each.width >= each.column.most for each in placed)


def test_the_least_important_goes_first() -> None:
    made = [column("a", 10, priority=9), column("b", 10, priority=1), column("c", 10, priority=5)]
    assert [names(lay_out(made, room)) for room in (32, 31, 20, 10)] == ["abc", "ac", "a", "a"]


def test_an_essential_one_shrinks_before_it_goes() -> None:
    made = [column("a", 20, least=8, priority=9), column("b", 10, priority=8), column("c", 10, priority=3)]
    placed = [lay_out(made, room) for room in (42, 31, 25, 18)]
    assert [(names(each), widths(each)) for each in placed] == [
        ("abc", [20, 10, 10]),
        ("ab", [20, 10]),
        ("ab", [14, 10]),
        ("a", [8]),
    ]


def test_those_that_may_grow_do_so_evenly() -> None:
    made = [column("a", 5, most=9), column("b", 5), column("c", 5, most=20)]
    assert widths(lay_out(made, 17 + 6)) == [8, 5, 8]
    assert widths(lay_out(made, 17 + 12)) == [9, 5, 13]


def test_one_that_wants_more_than_its_width_gives_it_back_last() -> None:
    made = [column("a", 10, priority=10), column("b", 20, least=8, priority=9), column("c", 10, priority=3)]
    placed = [lay_out(made, room, [18, 20, 10]) for room in (50, 39, 30, 20)]
    assert [(names(each), widths(each)) for each in placed] == [
        ("abc", [18, 20, 10]),
        ("ab", [18, 20]),
        ("ab", [18, 11]),
        ("ab", [11, 8]),
    ]
