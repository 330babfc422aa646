"""Numbers as text: even in width, and never more exact than they are."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twtop import formatting as fmt

bars = st.lists(st.one_of(st.integers(0, 2**63), st.floats(0, allow_infinity=False)), max_size=50)


@given(values=bars, width=st.integers(0, 60), blocks=st.sampled_from([fmt.BLOCKS, fmt.ASCII_BLOCKS]))
def test_a_sparkline_is_as_wide_as_asked_and_shows_all_that_is_not_zero(
    values: list[float], width: int, blocks: str
) -> None:
    drawn = fmt.sparkline(values, width, blocks)
    assert len(drawn) == width
    shown = values[max(0, len(values) - width) :]
    padding, drawn = drawn[: width - len(shown)], drawn[width - len(shown) :]
    assert not padding.strip()
    for value, bar in zip(shown, drawn, strict=True):
        assert (bar == blocks[0]) == (value == 0)
        assert bar == blocks[-1] or value == 0 or value < max(shown)
    levels = [blocks.index(bar) for _, bar in sorted(zip(shown, drawn, strict=True))]
    assert levels == sorted(levels)


def test_sparklines_show_shares_of_the_highest() -> None:
    assert fmt.sparkline([8, 4, 2, 1, 0], 5) == "█▄▂▁ "
    assert fmt.sparkline([1, 10**6], 2) == "▁█"
    assert fmt.sparkline([9, 0, 0, 0], 3) == "   "
    assert fmt.sparkline([0, 5, 10], 3, fmt.ASCII_BLOCKS) == " =@"


NUMBERS = [
    fmt.count,
    fmt.signed,
    fmt.rate,
    fmt.per_s,
    fmt.percent,
    fmt.span,
    fmt.seconds,
    fmt.full_in,
    fmt.size,
]


@pytest.mark.parametrize("write", NUMBERS)
@pytest.mark.parametrize("value", [None, math.nan])
def test_the_unknown_is_a_dash(write: Callable[[float | None], str], value: float | None) -> None:
    assert write(value) == "–"


@pytest.mark.parametrize("write", NUMBERS)
@given(value=st.one_of(st.integers(0, 10**12), st.floats(0, 1e12)))
def test_a_number_is_short_and_never_unknown(write: Callable[[float | None], str], value: float) -> None:
    shown = write(value)
    assert 1 <= len(shown) <= 20
    assert "–" not in shown
    assert any(character.isdigit() for character in shown) or shown in ("·", "now")


@pytest.mark.parametrize(
    ("write", "value", "shown"),
    [
        (fmt.count, 104882, "104,882"),
        (fmt.count, 0, "0"),
        (fmt.signed, 224, "+224"),
        (fmt.signed, -1204.4, "−1,204"),
        (fmt.signed, 0.4, "·"),
        (fmt.rate, 0, "0"),
        (fmt.rate, 9.94, "9.9"),
        (fmt.rate, 9.96, "10"),
        (fmt.rate, 1204, "1,204"),
        (fmt.percent, 0, "0 %"),
        (fmt.percent, 0.0004, "<1 %"),
        (fmt.percent, 0.01, "1 %"),
        (fmt.percent, 0.29, "29 %"),
        (fmt.percent, 0.57, "57 %"),
        (fmt.percent, 0.99999, "99 %"),
        (fmt.percent, 1, "100 %"),
        (fmt.percent, 1.204, "120 %"),
        (fmt.seconds, 0, "0.0 s"),
        (fmt.seconds, 41.25, "41.2 s"),
        (fmt.seconds, 59.94, "59.9 s"),
        (fmt.seconds, 99.94, "99.9 s"),
        (fmt.seconds, 99.96, "100 s"),
        (fmt.seconds, 3599.6, "60 min"),
        (fmt.span, 0, "0 s"),
        (fmt.span, 600.4, "600 s"),
        (fmt.span, 600.6, "10 min"),
        (fmt.span, 3_196, "53 min"),
        (fmt.span, 36_000, "600 min"),
        (fmt.span, 43_200, "12 h"),
        (fmt.setting, 0.1, "0.1 s"),
        (fmt.setting, 3600, "60 min"),
        (fmt.full_in, 0, "now"),
        (fmt.full_in, 41.4, "41 s"),
        (fmt.full_in, 600, "600 s"),
        (fmt.full_in, 3_196, "53 min"),
        (fmt.full_in, 10_800, "180 min"),
        (fmt.full_in, math.inf, "never"),
        (fmt.size, 0, "0 B"),
        (fmt.size, 1023, "1023 B"),
        (fmt.size, 25.6 * 2**20, "25.6 MiB"),
        (fmt.size, 2**40, "1024.0 GiB"),
    ],
)
def test_figures(write: Callable[[float | None], str], value: float, shown: str) -> None:
    assert write(value) == shown


@pytest.mark.parametrize("write", [fmt.span, fmt.seconds, fmt.full_in])
@given(value=st.floats(0, 3.6e6 - 1e3))
def test_a_time_fits_into_its_column(write: Callable[[float | None], str], value: float) -> None:
    """The narrowest one has eight cells, up to 999 hours."""
    assert len(write(value)) <= 7
    assert write(value).count(" ") == (write(value) != "now")  # one figure, one unit


@given(st.ip_addresses(v=6))
def test_ipv6_is_as_python_writes_it(address: object) -> None:
    value = int(address)  # type: ignore[call-overload]
    if value >> 32 != 0xFFFF:
        assert fmt.address(value) == str(address)
        assert fmt.endpoint(value, 443) == f"[{address}]:443"


@given(st.ip_addresses(v=4))
def test_ipv4_is_dotted(address: object) -> None:
    value = 0xFFFF << 32 | int(address)  # type: ignore[call-overload]
    assert fmt.address(value) == str(address)
    assert fmt.endpoint(value, 0) == f"{address}:*"
