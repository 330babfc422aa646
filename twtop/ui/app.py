"""The Textual application: one screen, the style sheet, and a palette made from the key table."""

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widget import Widget

from twtop.frame import View
from twtop.ui.keys import MONITOR_KEYS, SUSPEND, Key, bindings
from twtop.ui.lines import TonePainter
from twtop.ui.monitor import MakeEngine, Monitor
from twtop.ui.namespaces import Places
from twtop.ui.palette import palette

HANG_UP_S = 3
"""After SIGHUP the terminal may be gone, and Textual would wait for ever to write to it: SIGALRM ends that."""


class TwtopApp(App[None]):
    """Runs until the user leaves; `return_code` is then the exit status."""

    CSS_PATH = "twtop.tcss"
    TITLE = "twtop"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "quit", show=False, priority=True),
        *bindings((SUSPEND,)),
    ]

    def __init__(
        self,
        make_engine: MakeEngine,
        view: View,
        interval: float,
        filters: Sequence[LineFilter] = (),
        places: Places | None = None,
    ) -> None:
        super().__init__()
        self._line_filters = filters
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (150, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (22, "-short"), (36, "-tall"), (50, "-huge")]
        self._make_engine = make_engine
        self._view = view
        self._interval = interval
        self._places = places

    def get_css_variables(self) -> dict[str, str]:
        variables, theme = super().get_css_variables(), self.current_theme
        return variables | palette(variables, theme.dark, theme.ansi)

    def on_load(self) -> None:
        """Signals end the app as a key does, so that the terminal is left as it was."""
        if sys.platform != "win32":
            loop = asyncio.get_running_loop()
            for number in (
                signal.SIGINT,
                signal.SIGTERM,
                signal.SIGHUP,
                signal.SIGQUIT,
                signal.SIGUSR1,
                signal.SIGUSR2,
            ):
                loop.add_signal_handler(number, self._end_by, number)

    def _end_by(self, number: signal.Signals) -> None:
        if sys.platform != "win32" and number is signal.SIGHUP:
            signal.alarm(HANG_UP_S)
        self.exit(return_code=128 + number)

    def action_interrupt(self) -> None:
        """Ctrl-C, which a raw terminal sends as a key and not as SIGINT."""
        self._end_by(signal.SIGINT)

    def get_default_screen(self) -> Screen[None]:
        return Monitor(self._make_engine, self._view, self._interval, self._places)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual paints every line through these."""
        return [*super().get_line_filters(), *self._line_filters]

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        if not isinstance(screen, Monitor):
            yield from super().get_system_commands(screen)
            return
        yield from (_command(key, screen) for key in MONITOR_KEYS)
        if isinstance(screen.focused, TonePainter):
            yield from (_command(key, screen.focused) for key in screen.focused.KEYS)
        own = {key.label for key in MONITOR_KEYS}
        yield from (each for each in super().get_system_commands(screen) if each.title.lower() not in own)


def _command(key: Key, target: Widget) -> SystemCommand:
    return SystemCommand(key.label.capitalize(), f"{key.help} ({key.cap})", partial(target.run_action, key.action))
