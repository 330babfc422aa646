"""Text over painted lines, cell by cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from twtop.columns.tones import Line, Tone, width_of
from twtop.ui.kit.overlay import over, uprights

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


BLANK: Line = ((" " * 20, Tone.PLAIN),)
AXIS: Line = (("0" * 20, Tone.PLAIN),)
ROOM = range(2, 20)
"""Cells of a plot with two cells of figures at its side."""


def marked(marks: list[tuple[int, str]], across: tuple[int, ...] = ()) -> list[str]:
    """Three rows of twenty cells over an axis."""
    *drawn, axis = uprights((BLANK, BLANK, BLANK, AXIS), marks, ROOM, across)
    assert axis == AXIS
    return [plain(line) for line in drawn]


@pytest.mark.parametrize(
    ("marks", "across", "rows"),
    [
        ([(5, "load")], (), ["     │load          ", "     │              "]),
        ([(15, "warm-up")], (), ["        warm-up│    ", "               │    "]),
        ([(16, "load")], (18,), ["            load│   ", "                │   "]),
        ([(17, "漢字")], (), ["             漢字│  ", "                 │  "]),
        ([(5, "warm-up"), (8, "load")], (), ["     │  │load       ", "     │warm-up       "]),
        ([(5, "one"), (5, "two")], (), ["  one│two           ", "     │              "]),
        ([(10, "a label of many words")], (), ["          │a label …", "          │         "]),
        ([(5, "")], (), ["     │              ", "     │              "]),
    ],
)
def test_a_label_stands_whole_where_it_can(
    marks: list[tuple[int, str]], across: tuple[int, ...], rows: list[str]
) -> None:
    assert marked(marks, across)[:2] == rows


@given(st.lists(st.tuples(st.integers(2, 19), st.text("abc漢", max_size=8)), max_size=3), st.integers(2, 19))
def test_no_label_is_cut_without_a_sign_or_lies_on_another(marks: list[tuple[int, str]], now: int) -> None:
    marks = [(x, f"{number}{label}") for number, (x, label) in enumerate(sorted(marks))]
    rows = marked(marks, (now,))
    assert all(cell_len(row) == 20 for row in rows)
    assert all(row.startswith("  ") for row in rows)
    words = [word for row in rows for word in row.replace("│", " ").split()]
    for _, label in marks:
        assert [word for word in words if word == label or (word.endswith("…") and label.startswith(word[:-1]))]


def test_without_marks_nothing_changes() -> None:
    assert uprights(((("abc", Tone.DIM),),), [], range(3)) == ((("abc", Tone.DIM),),)
