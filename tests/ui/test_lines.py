"""How the pieces of a one-line panel share its width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twtop.columns.tones import Line, Tone, width_of
from twtop.ui.kit.lines import Part, fit

texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cc", "Cs"]), st.sampled_from("日本語デー한글🙂ｆｕ\u0301עבxyz…[]")),
    max_size=12,
)
lines = st.lists(st.tuples(texts, st.sampled_from(Tone)), max_size=5).map(tuple)
widths = st.integers(0, 40)


def plain(line: Line) -> str:
    return "".join(text for text, _ in line)


parts = st.lists(st.builds(Part, lines, st.integers(0, 9)), max_size=6)


@given(parts, widths)
def test_fit_is_never_wider(some: list[Part], width: int) -> None:
    assert width_of(fit(some, width)) <= width


@given(parts)
def test_fit_keeps_all_that_have_room(some: list[Part]) -> None:
    room = sum(width_of(part.line) for part in some) + 2 * len(some)
    assert [span for span in fit(some, room) if span != ("  ", Tone.PLAIN)] == [
        span for part in some for span in part.line if span != ("  ", Tone.PLAIN)
    ]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (18, "aaaa  bbbb  cccc"),
        (16, "aaaa  bbbb  cccc"),
        (15, "aaaa  cccc"),
        (9, "cccc"),
        (4, "cccc"),
        (3, "cc…"),
        (0, ""),
    ],
)
def test_fit_drops_the_least_important_first(width: int, expected: str) -> None:
    some = [Part(((text, Tone.PLAIN),), priority) for text, priority in (("aaaa", 2), ("bbbb", 1), ("cccc", 3))]
    assert plain(fit(some, width)) == expected


def test_fit_of_equals_drops_the_last() -> None:
    some = [Part(((text, Tone.PLAIN),), 1) for text in ("aaaa", "bbbb", "cccc")]
    assert plain(fit(some, 12)) == "aaaa  bbbb"
