"""Numbers, times, sizes and addresses as text."""

import ipaddress
import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from twtop.sanitize import printable

UNKNOWN = "–"
"""Stands for a value that is unknown."""

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_BLOCKS = " .:-=+*#@"
"""Bars of a sparkline from blank to full, in Unicode and in ASCII."""


def address(integer: int, device: str = "") -> str:
    """A 128-bit address as people write it, with the device of its link behind % (RFC 4007). ::ffff:a.b.c.d is IPv4.

    >>> address(0xffff0a000005), address(1), address(0), address(0xfe80 << 112 | 2, "eth1")
    ('10.0.0.5', '::1', '::', 'fe80::2%eth1')
    """
    text = ipaddress.IPv4Address(integer & 0xFFFF_FFFF) if integer >> 32 == 0xFFFF else ipaddress.IPv6Address(integer)
    return f"{text}%{device}" if device else str(text)


def endpoint(integer: int, port: int, device: str = "") -> str:
    """A 128-bit address and a port. Port 0 is any port.

    >>> endpoint(0xffff0a000005, 443), endpoint(1, 80), endpoint(0, 0), endpoint(1, 80, "lo")
    ('10.0.0.5:443', '[::1]:80', '[::]:*', '[::1%lo]:80')
    """
    host = address(integer, device)
    return f"{f'[{host}]' if ':' in host else host}:{port or '*'}"


def device(number: int, names: Mapping[int, str]) -> str:
    """What to call an interface: its number where its name is unknown; empty for none (0). Names come from outside.

    >>> device(3, {3: "eth1"}), device(4, {3: "eth1"}), device(0, {3: "eth1"})
    ('eth1', '4', '')
    """
    return printable(names.get(number, str(number))) if number else ""


def count(value: float | None) -> str:
    """A whole number with grouped thousands. None and NaN are unknown."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:,.0f}"


def signed(value: float | None) -> str:
    """A change with its sign; · for none.

    >>> signed(1200), signed(-3), signed(0)
    ('+1,200', '−3', '·')
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    rounded = round(value)
    return "·" if not rounded else f"{'+' if rounded > 0 else '−'}{abs(rounded):,}"


def rate(value: float | None) -> str:
    """A number per second: with one decimal below ten.

    >>> rate(0), rate(0.25), rate(1204.2)
    ('0', '0.2', '1,204')
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value:.1f}" if 0 < value < 9.95 else f"{value:,.0f}"


def rate_on_point(value: float | None) -> str:
    """A rate with two spaces where it has no decimal, so that the decimal points of a column stand below each other.

    >>> rate_on_point(0.25), rate_on_point(1204.2)
    ('0.2', '1,204  ')
    """
    shown = rate(value)
    return shown if "." in shown or len(shown) > 5 else f"{shown}  "


def per_s(value: float | None) -> str:
    """A rate with its unit; an unknown rate has none.

    >>> per_s(1204.2), per_s(None)
    ('1,204/s', '–')
    """
    return UNKNOWN if value is None or math.isnan(value) else f"{rate(value)}/s"


def percent(share: float | None) -> str:
    """A share (0 to 1) in whole percent, rounded down: 100 % only when it is really full, 0 % only when it is nothing.

    >>> percent(0.834), percent(0.9999), percent(1.0), percent(0.0004)
    ('83 %', '99 %', '100 %', '<1 %')
    """
    if share is None or math.isnan(share):
        return UNKNOWN
    return "<1 %" if 0 < share < 0.01 - 1e-9 else f"{math.floor(share * 100 + 1e-9)} %"


def span(value: float | None) -> str:
    """A time in seconds, as whole seconds up to 600, then whole minutes up to 600, then whole hours.

    >>> span(41.4), span(185), span(3_196), span(7_800), span(43_200)
    ('41 s', '185 s', '53 min', '130 min', '12 h')
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if value / size < 600.5 or unit == "h":
            break
    return f"{value / size:,.0f} {unit}"


def seconds(value: float | None) -> str:
    """A measured time in seconds: with tenths below 100 s.

    >>> seconds(41.23), seconds(185)
    ('41.2 s', '185 s')
    """
    return f"{value:.1f} s" if value is not None and value < 99.95 else span(value)


def setting(value: float) -> str:
    """A time in seconds that the user chose, as precise as it was chosen.

    >>> setting(0.25), setting(1.0), setting(3600)
    ('0.25 s', '1 s', '60 min')
    """
    return f"{value:g} s" if value < 100 else span(value)


def full_in(value: float | None) -> str:
    """Seconds until a budget is full. Infinity is never.

    >>> full_in(41.4), full_in(math.inf), full_in(0), full_in(18_000)
    ('41 s', 'never', 'now', '300 min')
    """
    if value is not None and math.isinf(value):
        return "never"
    return "now" if value is not None and value < 0.5 else span(value)


def clock(time: float) -> str:
    """Unix seconds as the local time of day."""
    return f"{datetime.fromtimestamp(time):%H:%M:%S}"


def size(value: float | None) -> str:
    """Bytes in binary units: at most three digits before the decimal point, as long as there is a larger unit.

    >>> size(26843545), size(900), size(1038336)
    ('25.6 MiB', '900 B', '1.0 MiB')
    """
    if value is None or math.isnan(value):
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < (1024 if unit == "B" else 999.95) or unit == "GiB":
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def sparkline(values: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """The last `width` values as bars, where the largest of them is a full bar. A value above zero is never blank.

    >>> sparkline([0, 1, 4, 8], 4)
    ' ▁▄█'
    """
    shown = list(values)[-width:] if width > 0 else []
    top = max(shown, default=0)
    steps = len(blocks) - 1
    bars = (blocks[max(1, math.ceil(value / top * steps))] if value > 0 else blocks[0] for value in shown)
    return "".join(bars).rjust(width)
