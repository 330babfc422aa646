"""Text in lines of whole words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Size

from twtop.columns.tones import Line, Tone, width_of
from twtop.ui.kit.wrapping import Paragraphs, wrapped

words = st.lists(st.text("abc漢…", min_size=1, max_size=8), max_size=12)
lines = words.map(lambda some: tuple((f"{word} ", tone) for word, tone in zip(some, [*Tone] * 2, strict=False)))


def plain(line: Line) -> str:
    return "".join(text for text, _ in line)


def inked(line: Line) -> list[tuple[str, Tone]]:
    """Each character that is no blank, in its tone."""
    return [(character, tone) for text, tone in line for character in text if character != " "]


@given(lines, st.integers(1, 40), st.integers(1, 4), st.integers(0, 5))
def test_rows_are_as_few_and_as_narrow_as_asked(line: Line, width: int, rows: int, indent: int) -> None:
    drawn = wrapped(line, width + indent, rows, indent)
    assert len(drawn) <= rows
    assert all(width_of(row) <= width + indent for row in drawn)
    assert all(plain(row).startswith(" " * indent) for row in drawn[1:])


@given(lines, st.integers(16, 40), st.integers(0, 5))
def test_no_word_is_lost_where_there_are_rows(line: Line, width: int, indent: int) -> None:
    drawn = wrapped(line, width + indent, indent=indent)
    assert " ".join(plain(row) for row in drawn).split() == plain(line).split()
    assert [cell for row in drawn for cell in inked(row)] == inked(line)


@pytest.mark.parametrize(
    ("width", "rows", "expected"),
    [
        (30, 1, ["connect() fails from now on"]),
        (20, 1, ["connect() fails…"]),
        (15, 1, ["connect()…"]),
        (10, 1, ["connect()…"]),
        (6, 1, ["conne…"]),
        (16, 2, ["connect() fails", "from now on"]),
        (10, 2, ["connect()", "fails…"]),
    ],
)
def test_what_does_not_fit_ends_behind_a_word(width: int, rows: int, expected: list[str]) -> None:
    drawn = wrapped((("connect() fails from now on", Tone.PLAIN),), width, rows)
    assert [plain(row) for row in drawn] == expected


def test_paragraphs_hang_and_empty_ones_are_blank_rows() -> None:
    panel = Paragraphs([((("1. one two", Tone.PLAIN),), 3), ((), 0), ((("end", Tone.PLAIN),), 0)])
    assert [plain(row) for row in panel.lines_for(Size(7, 9))] == ["1. one", "   two", "", "end"]
    assert panel.get_content_height(Size(0, 0), Size(0, 0), 7) == 4
