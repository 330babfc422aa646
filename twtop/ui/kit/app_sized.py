"""Screens that take no size but the terminal's latest."""

from textual import events
from textual.message import Message
from textual.message_pump import MessagePump


class AppSized(MessagePump):
    """A base of screens. It refuses a Resize to any other size than the app's.

    Textual's Screen sends itself a Resize whenever it answers one by a new size. Two sizes that wait in its queue at
    once would bring each other back for ever, which takes a whole CPU and lets nothing else through.
    """

    def check_message_enabled(self, message: Message) -> bool:
        if isinstance(message, events.Resize) and message.size != self.app.size:
            return False
        return super().check_message_enabled(message)
