"""The scenes of screenshots/: which story is shown, at which size, after which keys."""

from dataclasses import dataclass

from tests.stories import CROWD, LAB, NOTHING, Story

SMALL, MEDIUM = (80, 24), (120, 40)


@dataclass(frozen=True, slots=True)
class Scene:
    """`keys` as Textual names them, parted by spaces; `r` goes on in the story by ten seconds.

    With `fault` nothing can be read any more.
    """

    name: str
    size: tuple[int, int]
    keys: str = ""
    story: Story = LAB
    ascii: bool = False
    colour: bool = True
    fault: str = ""


def typed(text: str) -> str:
    """Keys that type this text.

    >>> typed("dir out")
    'd i r space o u t'
    """
    return " ".join({" ": "space", "<": "less_than_sign"}.get(letter, letter) for letter in text)


SCENES = (
    Scene("monitor", MEDIUM),
    Scene("monitor-80x24", SMALL),
    Scene("monitor-no-colour", MEDIUM, colour=False),
    Scene("sockets", MEDIUM, "enter"),
    Scene("what-happens", MEDIUM, "w"),
    Scene("filter", SMALL, f"slash {typed('dir out')}"),
    Scene("crowd-by-prefix", MEDIUM, "b b b b", CROWD),
    Scene("paused", SMALL, "p"),
    Scene("unreadable", SMALL, story=NOTHING, fault="cannot read sockets by sock_diag: Operation not permitted"),
)
