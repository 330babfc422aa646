"""What twtop says of a budget from reading to reading, and the words among it that were said for a moment only."""

import itertools
import re
from collections.abc import Iterable

LEAST = 3
"""A word that lasts for fewer readings than this, between twice the same other word, is a flip."""

WORDS = re.compile(r"full now|at its limit|full in|never full|not known yet")


def spoken(verdicts: Iterable[str]) -> list[str]:
    """The word of each verdict on ports, where it has one."""
    return [found[0] for text in verdicts if (found := WORDS.search(text))]


def flips(words: Iterable[str]) -> list[str]:
    """Each with its neighbours.

    >>> flips(["soon", *["now"] * 3, *["soon"] * 3, "unknown", "never"]), flips(["now", "soon", "soon", "now"])
    ([], ['now, soon, now'])
    """
    runs = [(word, len([*same])) for word, same in itertools.groupby(words)]
    return [
        f"{before}, {word}, {after}"
        for (before, _), (word, length), (after, _) in zip(runs, runs[1:], runs[2:], strict=False)
        if length < LEAST and before == after
    ]
