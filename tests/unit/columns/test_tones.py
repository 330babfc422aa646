"""Lines of an exact width, whatever is in them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from twtop.columns.tones import Line, Tone, aligned, merged, width_of

texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cc", "Cs"]), st.sampled_from("日本語デー한글🙂ｆｕ\u0301עבxyz…[]")),
    max_size=12,
)
lines = st.lists(st.tuples(texts, st.sampled_from(Tone)), max_size=5).map(tuple)
widths = st.integers(0, 40)


def plain(line: Line) -> str:
    return "".join(text for text, _ in line)


@given(lines, widths, st.booleans())
def test_aligned_is_exactly_as_wide(line: Line, width: int, right: bool) -> None:
    assert width_of(aligned(line, width, right)) == width


@given(lines, widths, st.booleans())
def test_aligned_loses_nothing_that_has_room(line: Line, width: int, right: bool) -> None:
    fits = width_of(line) <= width
    drawn = plain(aligned(line, width, right))
    assert (plain(line) in drawn) or not fits
    assert fits or not width or drawn.endswith("…")


@pytest.mark.parametrize(
    ("text", "width", "right", "expected"),
    [
        ("abc", 5, False, "abc  "), ("abc", 5, True, "  abc"), ("abc", 3, True, "abc"), ("abcd", 3, False, "ab…"),
        ("日本語", 6, False, "日本語"), ("日本語", 5, False, "日本…"), ("日本語", 4, False, "日 …"),
        ("日本", 1, False, "…"), ("", 2, False, "  "), ("abc", 0, False, ""),
    ],
)  # fmt: skip
def test_aligned(text: str, width: int, right: bool, expected: str) -> None:
    assert plain(aligned(((text, Tone.PLAIN),), width, right)) == expected


def test_aligned_keeps_the_tones() -> None:
    line = (("ab", Tone.WARN), ("cde", Tone.OK))
    assert aligned(line, 6) == (*line, (" ", Tone.PLAIN))
    assert aligned(line, 4) == (("ab", Tone.WARN), ("c", Tone.OK), ("…", Tone.DIM))


@given(st.lists(st.tuples(st.sampled_from("░▓█日"), st.sampled_from([Tone.OK, Tone.WARN]))))
def test_merged_draws_the_same_in_fewer_spans(spans: list[tuple[str, Tone]]) -> None:
    line = merged(spans)
    assert [(cell, tone) for text, tone in line for cell in text] == spans
    assert all(left[1] is not right[1] for left, right in pairwise(line))


def test_wide_characters_take_two_cells() -> None:
    assert width_of((("日本", Tone.PLAIN), ("x", Tone.DIM))) == cell_len("日本x") == 5


@given(lines, widths, st.booleans())
def test_the_screen_measures_the_same(line: Line, width: int, right: bool) -> None:
    """Textual neither cuts nor pads what is aligned."""
    strip = Strip([Segment(text) for text, _ in aligned(line, width, right)])
    assert strip.cell_length == width
    assert strip.adjust_cell_length(width).text == strip.text
