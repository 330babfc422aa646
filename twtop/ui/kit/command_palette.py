"""The command palette, for fast hands too."""

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.message import Message
from textual.widgets import Input, OptionList

from twtop.ui.kit.app_sized import AppSized


class Commands(CommandList, can_focus=False):
    """Textual's list of commands, which is filled anew while the old ones are still painted."""

    def on_click(self, event: events.Click) -> None:
        """Ignore a click on a command that is no longer there."""
        if event.style.meta.get("option", 0) >= self.option_count:
            event.prevent_default().stop()


class Palette(AppSized, CommandPalette):
    """Textual's command palette. It is left once, and runs one command."""

    def compose(self) -> ComposeResult:
        for widget in super().compose():
            yield Commands() if isinstance(widget, CommandList) else widget

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Leave, unless it has been left: Textual would take away the screen below."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    @property
    def _is_left(self) -> bool:
        """Whether the palette or the app has been left, maybe before the palette was made."""
        return not (self.children and self.is_active and self.is_attached)

    def on_mount(self, event: events.Mount) -> None:
        """Begin no search while all screens close: it would find no list, since nothing is mounted any more."""
        if self._is_left:
            event.prevent_default().stop()

    @on(Input.Changed)
    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _come_too_late(self, message: Message) -> None:
        """Ignore what comes once the palette or the app is left.

        Textual would run the command again, or begin a search that finds no list any more.
        """
        if self._is_left:
            message.prevent_default().stop()

    def _action_command_list(self, action: str) -> None:
        """Turn pages only in a list that has been laid out: Textual knows no lines before."""
        if not action.startswith("page_") or self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)
