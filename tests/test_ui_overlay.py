"""Text over painted lines, cell by cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from twtop.ui.lines import Line, Tone, width_of
from twtop.ui.overlay import over, uprights

texts = st.text("ab 漢字⣿", max_size=12)
lines = st.lists(st.tuples(texts, st.sampled_from([Tone.PLAIN, Tone.DIM])), max_size=4).map(tuple)


def plain(line: Line) -> str:
    return "".join(text for text, _ in line)


@given(lines, texts, st.data())
def test_what_is_not_covered_stays_in_its_cell(line: Line, text: str, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, max(0, width_of(line) - cell_len(text))))
    drawn, before = cells(over(line, x, text, Tone.KEY)), cells(line)
    end = x + cell_len(text)
    assert drawn[x:end] == cells(((text, Tone.KEY),))
    for was, now in zip([*before[:x], *before[end:]], [*drawn[:x], *drawn[end:]], strict=True):
        assert now == was or now == (" ", was[1])


def cells(line: Line) -> list[tuple[str, Tone]]:
    """A pair for each cell; the second one of a wide character is empty."""
    found = []
    for text, tone in line:
        for character in text:
            found += [(character, tone), *[("", tone)] * (cell_len(character) - 1)]
    return found


@pytest.mark.parametrize(
    ("x", "expected"),
    [(0, "X bc"), (1, " Xbc"), (2, "漢Xc"), (3, "漢bX")],
)
def test_half_of_a_wide_character_is_blank(x: int, expected: str) -> None:
    assert plain(over((("漢bc", Tone.PLAIN),), x, "X", Tone.KEY)) == expected


def test_labels_give_way_to_the_next_line() -> None:
    blank: Line = ((" " * 20, Tone.PLAIN),)
    axis: Line = (("0" * 20, Tone.PLAIN),)
    top, middle, last = uprights((blank, blank, axis), [(1, "warm-up"), (5, "load"), (17, "漢字")], 20)
    assert plain(top) == " │war│load       │漢"
    assert plain(middle) == " │   │           │  "
    assert last == axis


def test_without_marks_nothing_changes() -> None:
    assert uprights(((("abc", Tone.DIM),),), [], 3) == ((("abc", Tone.DIM),),)
