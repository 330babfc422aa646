"""What the user does, at random, and always back to where he began: no filter, no dialog, this namespace."""

import random
import time

from tests.soak.terminal import HOME, Monitor

ESCAPE_S = 0.25
"""An Esc may be the beginning of another key for 0.1 s."""

SIZES = ((60, 20), (80, 24), (120, 40), (200, 60))
FILTERS = (
    "443", "tw", "not tw", "10.0.0.5", "10.0.0.0/25", "10.0.0.7:443", "port 443-450", "state established",
    "process wrk", "dir out and remaining < 10s", "age > 50s or dport >= 8000", "!(tw or 10.1.0.0/16)",
    "((", "port x", "no-such-name",
)  # fmt: skip
PANELS = ("w", "?", "l", "z", "tz", "\r", "jjj\r", "jj ", "sS", "bbbbb", "ttt", "M", "G", "\x1b[6~\x1b[6~g")
TITLE, OWN = "Network namespaces", "twtop's own"


class Hands:
    """Acts on a monitor. `done` counts what was done, by name; `doing` is what is being done."""

    def __init__(self, monitor: Monitor, seed: int) -> None:
        self.done = dict.fromkeys(("filter", "panels", "resize", "pause", "namespace"), 0)
        self._monitor = monitor
        self._random = random.Random(seed)

    def act(self) -> None:
        """One act, and back."""
        name = self._random.choice([*self.done])
        getattr(self, f"_{name}")()
        self.done[name] += 1
        self._back()

    def _type(self, text: str) -> None:
        for key in [text] if text.startswith("\x1b") else text:
            self._monitor.type(key.encode())
            time.sleep(self._random.uniform(0.01, 0.15))

    def _back(self) -> None:
        for _ in range(4):
            self._monitor.type(b"\x1b")
            time.sleep(ESCAPE_S)
        self._monitor.until(lambda: TITLE not in self._monitor.text, "no dialog")

    def _look(self, most_s: float) -> None:
        time.sleep(self._random.uniform(0, most_s))

    def _filter(self) -> None:
        self._type("/")
        self._type(self._random.choice(FILTERS))
        self._look(1.5)
        if self._random.random() < 0.7:
            self._type("\r")
            self._look(4)

    def _panels(self) -> None:
        for _ in range(self._random.randint(1, 3)):
            self._type(self._random.choice(PANELS))
            self._look(2)
            self._back()

    def _resize(self) -> None:
        for _ in range(self._random.randint(1, 8)):
            self._monitor.resize(*self._random.choice(SIZES))
            self._look(0.8)
        self._monitor.resize(*HOME)

    def _pause(self) -> None:
        self._type("p")
        self._monitor.until_shown("paused")
        self._type(self._random.choice(("jjk", "\r", "t", "s")))
        self._look(3)
        self._back()
        self._type("p")
        self._monitor.until_shown("● live")

    def _namespace(self) -> None:
        """Watch another namespace for a while, which may vanish meanwhile, and come back."""
        self._list()
        self._look(3)
        if (others := self._monitor.text.count(" pid ")) and self._random.random() < 0.8:
            self._type("j" * self._random.randint(1, others) + "\r")
            self._look(6)
            self._list()
        self._type("g\r")
        self._monitor.until(self._is_home, OWN)

    def _list(self) -> None:
        self._type("N")
        self._monitor.until_shown(OWN)

    def _is_home(self) -> bool:
        head = self._monitor.text.splitlines()[0]
        return "● live" in head and "netns " not in head
