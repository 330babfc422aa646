"""The scenes of screenshots/: which story is shown, at which size, after which keys."""

from dataclasses import dataclass

from tests.support.load_stories import CALM, CROWD, EARLIER, LAB, NOTHING, REFUSED, Story

TINY, SMALLEST, SMALL, MEDIUM, WIDE, LARGE = (40, 10), (60, 20), (80, 24), (120, 40), (160, 50), (200, 60)


@dataclass(frozen=True, slots=True)
class Scene:
    """`keys` as Textual names them, words as for a shell; one that begins with > is text that is pasted.

    `r` goes on in the story by ten seconds. With `fault` nothing can be read any more.
    """

    name: str
    size: tuple[int, int]
    keys: str = ""
    story: Story = LAB
    ascii: bool = False
    colour: bool = True
    theme: str = "textual-dark"
    fault: str = ""


OUT = "slash '>dir out'"
SCENES = (
    # sizes
    Scene("monitor", MEDIUM),
    Scene("monitor-40x10", TINY),
    Scene("monitor-60x20", SMALLEST),
    Scene("monitor-80x24", SMALL),
    Scene("monitor-200x60", LARGE),
    # looks
    Scene("monitor-ascii", MEDIUM, ascii=True),
    Scene("monitor-no-colour", MEDIUM, colour=False),
    Scene("monitor-light", MEDIUM, theme="textual-light"),
    # panels
    Scene("entries", SMALL, "t"),
    Scene("releases", SMALL, "t t"),
    Scene("zoomed", SMALL, "enter z"),
    Scene("expanded", SMALL, "j j space"),
    Scene("sorted", SMALL, "s S"),
    Scene("by-destination", MEDIUM, "b"),
    Scene("by-service", SMALL, "b b"),
    Scene("by-process", SMALL, "b b b"),
    Scene("crowd", MEDIUM, "G", CROWD),
    Scene("crowd-by-prefix", MEDIUM, "b b b b", CROWD),
    Scene("sockets", MEDIUM, "enter"),
    Scene("sockets-60x20", SMALLEST, "enter"),
    Scene("sockets-80x24", SMALL, "enter"),
    Scene("sockets-200x60", LARGE, "enter"),
    Scene("sockets-ascii", MEDIUM, "enter", ascii=True),
    Scene("sockets-inbound", SMALL, "j j enter G"),
    # connects that fail
    Scene("failing", MEDIUM, story=REFUSED),
    Scene("failing-80x24", SMALL, story=REFUSED),
    Scene("failing-160x50", WIDE, "space", REFUSED),
    Scene("failing-ascii", MEDIUM, story=REFUSED, ascii=True),
    Scene("failing-no-colour", MEDIUM, story=REFUSED, colour=False),
    Scene("failing-sockets", SMALL, "enter", REFUSED),
    Scene("failing-timeline", SMALL, "t t t", REFUSED),
    # dialogs and prompts
    Scene("what-happens", MEDIUM, "w"),
    Scene("what-happens-80x24", SMALL, "w"),
    Scene("what-happens-ascii", MEDIUM, "w", ascii=True),
    Scene("help", MEDIUM, "question_mark"),
    Scene("help-60x20", SMALLEST, "question_mark"),
    Scene("help-ascii", MEDIUM, "question_mark", ascii=True),
    Scene("palette", SMALL, "ctrl+p"),
    Scene("namespaces", SMALL, "N"),
    Scene("filter", SMALL, OUT),
    Scene("filter-error", SMALL, "slash '>port foo'"),
    Scene("filter-kept", MEDIUM, f"{OUT} enter r", EARLIER),
    Scene("mark", SMALL, "m"),
    Scene("marks", MEDIUM, "m '>more workers' enter r r m enter r l", EARLIER),
    Scene("marked", MEDIUM, "m '>more workers' enter r r r", EARLIER),
    Scene("baseline", MEDIUM, "M r r r", EARLIER),
    # what may happen
    Scene("paused", SMALL, "p"),
    Scene("calm", SMALL, story=CALM),
    Scene("fault", SMALL, fault="cannot read sockets by sock_diag: Cannot allocate memory"),
    Scene("unreadable", SMALL, story=NOTHING, fault="cannot read sockets by sock_diag: Operation not permitted"),
)
