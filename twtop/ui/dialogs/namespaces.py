"""The dialog that lists the network namespaces of this machine, with their processes and TIME_WAIT."""

from collections import Counter
from collections.abc import Callable
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from twtop import formatting as fmt
from twtop.namespaces import Netns, NetnsListing
from twtop.records import dataclass
from twtop.sanitize import padded, printable
from twtop.ui.dialogs.dialog import Dialog, moves
from twtop.ui.engine_holder import MakeEngine
from twtop.ui.kit.background import in_background

OWN = "twtop's own"
COUNT, NAME = 11, 18
MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class NetnsCatalog:
    """The network namespaces of this box. `listing` and `refusal` may take long: call them in a thread.

    `listing` raises OSError where the system shows none. `refusal` says in one line why a namespace cannot be entered,
    or gives None. `engine` gives what makes an engine that reads in a namespace.
    """

    listing: Callable[[], NetnsListing]
    refusal: Callable[[Netns], str | None]
    engine: Callable[[Netns], MakeEngine]


class Choices(OptionList):
    """A list in which the keys of a table move the highlight too. `choose` gets the index of the chosen row."""

    BINDINGS: ClassVar[list[BindingType]] = [*moves("cursor_up", "cursor_down", "first", "last")]

    def __init__(self, choose: Callable[[int], object]) -> None:
        super().__init__(markup=False)
        self._choose = choose

    def on_mount(self) -> None:
        self.focus()

    def _move_page(self, direction: Literal[-1, 1]) -> None:
        """Turn pages only in a list that has been laid out: Textual knows no lines before."""
        if self.scrollable_content_region:
            super()._move_page(direction)

    def action_select(self) -> None:
        """Choose at once. Textual's own posts a message, which a key that comes next would overtake."""
        if self.highlighted is not None:
            self._choose(self.highlighted)


class NamespacesScreen(Dialog[Netns]):
    """Its result is the chosen namespace, None if that is the one on the screen, whose inode is `watched`, or if Esc
    closed it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,N,upper_n", "dismiss", "close")]

    def __init__(self, catalog: NetnsCatalog, watched: int | None) -> None:
        super().__init__()
        self._catalog = catalog
        self._watched = watched
        self._found: tuple[Netns, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal", id="namespaces") as panel:
            panel.border_title = "Network namespaces"
            panel.border_subtitle = "⏎ watches, Esc closes"
            yield Static(Content.styled(f"{'TIME_WAIT':>{COUNT}}    {'NAMESPACE':<{NAME}} PROCESSES", "$text-muted"))
            yield Choices(self._choose)
            yield Static(Content("looking into all processes …"), id="hidden")

    def on_mount(self) -> None:
        if self.children and self.is_attached:  # while all screens close Textual mounts no child
            _: Worker[None] = self.run_worker(self._look)  # a coroutine that never began would be reported

    async def _look(self) -> None:
        try:
            listing = await in_background(self._catalog.listing)
        except OSError as error:
            self._say(f"this system shows no network namespaces: {error.strerror}")
        else:
            self._show(listing)

    def _show(self, listing: NetnsListing) -> None:
        self._found = listing.namespaces
        options = self.query_one(OptionList)
        options.add_options(Option(_line(each, each.inode == self._watched)) for each in self._found)
        watched = [row for row, each in enumerate(self._found) if each.inode == self._watched]
        options.highlighted = watched[0] if watched else 0
        what = f"{fmt.count(listing.hidden)} process{'es' * (listing.hidden != 1)} of other users hidden"
        self._say(f"{what}: root with CAP_SYS_PTRACE sees all" if listing.hidden else "")

    def _say(self, line: str) -> None:
        note = self.query_one("#hidden", Static)
        note.update(Content(line))
        note.display = bool(line)

    def _choose(self, index: int) -> None:
        chosen = self._found[index]
        self.dismiss(None if chosen.inode == self._watched else chosen)


def _line(namespace: Netns, watched: bool) -> Content:
    """One row. Names come from outside: they are text, never markup."""
    name = OWN if namespace.target is None else namespace.target.name
    count = fmt.count(namespace.time_wait)
    return Content.assemble(
        (f"{count:>{COUNT}}", "$text-warning"),
        (" ● " if watched else "   ", "$text-success"),
        " ",
        (padded(name, NAME), "bold"),
        " ",
        (_processes(namespace), "$text-muted"),
    )


def _processes(namespace: Netns) -> str:
    """The names of the processes, each once, the most frequent first, as in “nginx ×5, redis-server”."""
    names = Counter(printable(process.name, 24) or "?" for process in namespace.processes)
    told = [f"{name} ×{count}" if count > 1 else name for name, count in names.most_common(MOST_NAMES)]
    if len(names) > MOST_NAMES:
        told.append("…")
    return ", ".join(told) or "no process seen"
