"""The Textual application: it starts the monitor and keeps the theme."""

import signal
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from threading import Lock
from typing import Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import ThemeProvider
from textual.widget import Widget

from twtop.engine.engine import Engine
from twtop.frame.view import View
from twtop.processes.detail import read_detail
from twtop.sanitize import harmless
from twtop.ui.dialogs.namespaces import NetnsCatalog
from twtop.ui.keys import APP_KEYS, MONITOR_KEYS, SUSPEND, Key, bindings
from twtop.ui.kit.command_palette import Palette
from twtop.ui.kit.painter import TONE_CLASSES, TonePainter
from twtop.ui.kit.palette import palette
from twtop.ui.monitor import Monitor
from twtop.ui.panels.process import ReadProcess
from twtop.ui.theme_file import ThemeFile, ThemeFileError


class TwtopApp(App[None]):
    """Runs until the user leaves. `return_code` is then the exit status, None for success."""

    CSS_PATH = "twtop.tcss"
    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES
    TITLE = "twtop"
    ENABLE_COMMAND_PALETTE = True
    ALLOW_SELECT = False
    """Ctrl-C leaves, so that no key copies a selection; and Textual fails where it begins on what has been removed."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "quit", show=False, priority=True),
        *bindings((SUSPEND,)),
    ]

    def __init__(
        self,
        engine: Engine,
        view: View,
        interval: float,
        filters: Sequence[LineFilter] = (),
        catalog: NetnsCatalog | None = None,
        theme_file: ThemeFile | None = None,
        read_process: ReadProcess = read_detail,
    ) -> None:
        super().__init__()
        self._theme_file = theme_file
        self._theme_lock = Lock()
        self._kept_theme = self.theme
        self._line_filters = filters
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (150, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (22, "-short"), (36, "-tall"), (50, "-huge")]
        self._engine = engine
        self._view = view
        self._interval = interval
        self._catalog = catalog
        self._read_process = read_process

    def get_css_variables(self) -> dict[str, str]:
        variables, theme = super().get_css_variables(), self.current_theme
        return variables | palette(variables, theme.dark, theme.ansi)

    def _recall_theme(self) -> None:
        """Take the theme of the last run."""
        if self._theme_file is None:
            return
        try:
            self.theme = self._kept_theme = self._theme_file.read(self.available_themes) or self.theme
        except ThemeFileError as error:
            self._give_up_on_themes(error)

    @work(thread=True)
    def _keep_theme(self) -> None:
        """Write the present theme, in a thread since a home folder may be far away.

        Several threads may wait for the lock. Each writes the theme that is chosen once it has the lock.
        """
        with self._theme_lock:
            name = self.theme
            if self._theme_file is None or name == self._kept_theme:
                return
            try:
                self._theme_file.write(name, self.available_themes)
                self._kept_theme = name
            except ThemeFileError as error:
                self.call_from_thread(self._give_up_on_themes, error)

    def _give_up_on_themes(self, error: ThemeFileError) -> None:
        """Say why, once, and leave the file alone from now on."""
        if self._theme_file is not None:
            self._theme_file = None
            self.notify(str(error), title="Theme", severity="warning", timeout=10, markup=False)

    def on_mount(self) -> None:
        self._recall_theme()
        self.theme_changed_signal.subscribe(self, lambda _: self._keep_theme(), immediate=True)

    def get_driver_class(self) -> type[Driver]:
        """Textual asks for this when it runs on a terminal."""
        if sys.platform == "win32":
            return super().get_driver_class()
        from twtop.ui.terminal_driver import TerminalDriver

        return TerminalDriver

    def notify(self, message: str, **how: Any) -> None:
        """Notify as Textual does; the message may hold outside names."""
        super().notify(harmless(message), **how)

    def action_interrupt(self) -> None:
        """Ctrl-C, where the driver of the terminal makes no signal of it."""
        self.exit(return_code=128 + signal.SIGINT)

    def action_save_screen(self) -> None:
        """Save the screen, under the time of the monitor's frame."""
        for screen in self.screen_stack:
            if isinstance(screen, Monitor):
                screen.export.save_screen()

    def get_default_screen(self) -> Screen[None]:
        return Monitor(self._engine, self._view, self._interval, self._catalog, self._read_process)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual passes every painted line through these filters."""
        return [*super().get_line_filters(), *self._line_filters]

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def search_themes(self) -> None:
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        """The command palette: what the keys do on this screen, and Textual's commands that no key gives."""
        theirs = {each.title: each for each in super().get_system_commands(screen)}
        if not isinstance(screen, Monitor):
            yield from (_command(key, screen) for key in APP_KEYS)
            yield from (theirs["Theme"], theirs["Quit"])
            return
        yield from (_command(key, screen) for key in MONITOR_KEYS)
        if isinstance(screen.focused, TonePainter):
            yield from (_command(key, screen.focused) for key in screen.focused.KEYS)
        yield theirs["Theme"]


def _command(key: Key, target: Widget) -> SystemCommand:
    return SystemCommand(key.label.capitalize(), f"{key.help} ({key.cap})", partial(target.run_action, key.action))
