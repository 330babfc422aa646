"""Colours for any theme: the theme's own colours for words, and the same safe hues for gauges on all themes.

Blue, orange and green as Okabe and Ito chose them (Color Universal Design, 2008) can be told apart by colour-blind
eyes. Different contrasts to the theme's background make them differ in lightness too. Contrast is that of WCAG 2.
"""

from collections.abc import Mapping, Sequence

from textual.color import Color

TEXT = 4.5
"""The contrast that WCAG asks of text."""

CURSOR = 0.12
"""How far the background of the selected row lies from the theme's background to its foreground."""

SAFE = {
    "live": ("#56b4e9", 7.0, 9.0),
    "time-wait": ("#e69f00", 6.0, TEXT),
    "reusable": ("#009e73", 3.0, 3.0),
}
"""Tone → (hue, least contrast on dark themes, least contrast on light themes)."""

OWN = {"plain": "foreground", "title": "primary", "ok": "success", "warn": "warning", "critical": "error"}
"""Tone → the theme's colour for it. Its lightness is changed as far as needed for words to be readable."""

FAINT = {"free": 0.25, "blocked": 0.45}
"""Tone → how far it lies from the background to the foreground. No words have these tones."""

ANSI_DARK = {
    **{"live": "ansi_bright_blue", "time-wait": "ansi_yellow", "reusable": "ansi_green", "forecast": "ansi_yellow"},
    **{"ok": "ansi_green", "warn": "ansi_yellow", "critical": "ansi_bright_red", "title": "ansi_bright_blue"},
    **{"plain": "ansi_default", "dim": "ansi_default", "free": "ansi_bright_black", "blocked": "ansi_bright_black"},
    "cursor": "ansi_bright_black",
}
ANSI_LIGHT = ANSI_DARK | {
    **{"live": "ansi_blue", "time-wait": "ansi_red", "forecast": "ansi_red", "warn": "ansi_magenta"},
    **{"critical": "ansi_red", "title": "ansi_blue", "cursor": "ansi_white"},
}
"""How a terminal shows its sixteen colours is not known, so only the hues differ."""


def palette(theme: Mapping[str, str], dark: bool, ansi: bool) -> dict[str, str]:
    """The style sheet's variables `tone-…`, made from the variables of a theme.

    >>> theme = {"background": "#121212", "foreground": "#e0e0e0"}
    >>> palette(dict.fromkeys(OWN.values(), "#444") | theme, dark=True, ansi=False)["tone-time-wait"]
    '#E69F00'
    """
    if ansi:
        return {f"tone-{tone}": colour for tone, colour in (ANSI_DARK if dark else ANSI_LIGHT).items()}
    background, foreground = Color.parse(theme["background"]), Color.parse(theme["foreground"])
    cursor = background.blend(foreground, CURSOR)
    grounds = (background, cursor)
    tones = {tone: readable(Color.parse(theme[name]), grounds, dark) for tone, name in OWN.items()}
    for tone, (hue, on_dark, on_light) in SAFE.items():
        tones[tone] = readable(Color.parse(hue), grounds, dark, on_dark if dark else on_light)
    tones |= {tone: background.blend(foreground, share) for tone, share in FAINT.items()}
    tones["dim"] = readable(background.blend(foreground, 0.6), grounds, dark)
    tones["forecast"] = background.blend(tones["time-wait"], 0.55)
    tones["cursor"] = cursor
    return {f"tone-{tone}": colour.hex6 for tone, colour in tones.items()}


def readable(colour: Color, grounds: Sequence[Color], dark: bool, least: float = TEXT) -> Color:
    """The colour, brightened on dark grounds or darkened on light ones until its contrast to all of them is `least`."""
    end = Color(255, 255, 255) if dark else Color(0, 0, 0)
    steps = (colour.blend(end, step / 25) for step in range(25))
    return next((each for each in steps if min(contrast(each, ground) for ground in grounds) >= least), end)


def contrast(one: Color, other: Color) -> float:
    """From 1 for the same lightness to 21 for black on white.

    >>> round(contrast(Color.parse("#000"), Color.parse("#fff")))
    21
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
