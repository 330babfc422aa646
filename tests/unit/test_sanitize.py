"""Outside names as text: safe, and as wide as the screen takes them to be."""

import string
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from twtop.sanitize import NARROW, cells, cut, padded, printable

HARMLESS = set(string.printable) - set(string.whitespace) | {" "}
LINES = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

anything = st.text(st.characters(codec=None, exclude_categories=()))


@given(name=anything, width=st.integers(1, 100))
def test_nothing_that_controls_a_terminal_is_printed(name: str, width: int) -> None:
    shown = printable(name, width)
    assert not {unicodedata.category(character) for character in shown} & INVISIBLE
    assert cells(shown) <= width
    assert len(shown) <= 2 * width
    assert shown == "".join(printable(character) for character in name) or shown.endswith("…")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("abcdefg", "abcde…"),
        ("日本語", "日本語"),
        ("日本語x", "日本…"),
        ("a日本語", "a日本…"),
        ("עברית", "עברית"),
        ("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 10 + "…"),
    ],
)
def test_a_name_is_cut_by_cells(name: str, shown: str) -> None:
    assert printable(name, 6) == shown


@pytest.mark.parametrize("word", ["abc", "日本語", "한국어", "עברית", "e\u0301", "हिन्दी", "👍", "␛�…", "ｱﾊﾟｰﾄ", "Ａ"])
def test_words_are_as_wide_as_on_the_screen(word: str) -> None:
    assert cells(word) == cell_len(word)
    assert cell_len(padded(word, 10)) == 10


@given(st.text(st.sampled_from(sorted(HARMLESS | set("äß–字"))), max_size=64))
def test_a_harmless_name_is_printed_as_it_is(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\tc", "a␊b␉c"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("\x00\x7f\x9b2J", "␀��2J"),
        ("user\u202etxt.exe", "user�txt.exe"),
        ("zero\u200bwidth\ufeff", "zero�width�"),
        ("\udcff", "�"),
    ],
)
def test_what_was_hidden_is_seen(name: str, shown: str) -> None:
    assert printable(name) == shown


@pytest.mark.parametrize("character", LINES)
def test_one_name_is_one_line(character: str) -> None:
    assert len(printable(f"a{character}b").splitlines()) == 1


printed = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cc", "Cs"]),
        st.sampled_from("e\u0301日🙂👍🏽🇩🇪❤\ufe0f\u200dहिン…–·"),
    ),
    max_size=20,
)


@given(printed)
def test_cells_are_those_of_rich_and_textual(text: str) -> None:
    assert cells(text) == cell_len(text) == Strip([Segment(text)]).cell_length


def test_what_is_narrow_takes_one_cell() -> None:
    assert {character for character in NARROW if cell_len(character) != 1} == set()


@given(printed, st.integers(0, 40), st.booleans())
def test_padded_is_as_wide_as_asked(text: str, more: int, right: bool) -> None:
    width = cells(text) + more
    assert cell_len(padded(text, width, right)) == width
    assert padded(text, width) == set_cell_size(text, width)


@given(printed, st.data())
def test_cut_is_as_wide_as_asked(text: str, data: st.DataObject) -> None:
    width = data.draw(st.integers(0, cells(text)))
    shown = cut(text, width)
    assert cell_len(shown) == width == cell_len(set_cell_size(text, width))
    assert text.startswith(shown.rstrip(" ")) or text.startswith(shown)


@pytest.mark.parametrize(("text", "loads"), [("10.0.0.5 – … · −3", False), ("日本", True)])
def test_rich_is_loaded_for_other_than_plain_names_alone(text: str, loads: bool) -> None:
    program = f"import sys, twtop.sanitize as it; it.cells(it.printable({text!r})); print('rich' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(loads)
