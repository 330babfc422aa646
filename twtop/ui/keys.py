"""Every key, once: bindings, footer, help and command palette are made from these tables."""

from textual.binding import Binding

from twtop.records import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """`keys` are Textual's names, joined by commas; `cap` is what people read. `label` is short, `help` a sentence.

    `footer` is the priority of the key in the footer; 0 keeps it out. `at_once` is for a key that moves the focus:
    Textual then handles it before the keys that were typed after it, which go to the new focus.
    """

    keys: str
    cap: str
    action: str
    label: str
    help: str
    footer: int = 0
    at_once: bool = False


SUSPEND = Key("ctrl+z", "Ctrl-Z", "app.suspend_process", "suspend", "To the shell; “fg” there comes back", at_once=True)
SAVE_SCREEN = Key("E,upper_e", "E", "app.save_screen", "save screen",
    "Save the screen as a picture (SVG) to a new file here")  # fmt: skip
APP_KEYS = (SAVE_SCREEN, SUSPEND)
"""Keys that work in dialogs too."""

MONITOR_KEYS = (
    Key("slash,f4", "/", "filter", "filter", "Filter by port, peer, state, process … while you type; Esc restores", 9,
        at_once=True),
    Key("enter", "⏎", "drill", "sockets", "Single sockets of the selected row; again: back to the peers", 9),
    Key("space", "Space", "expand", "expand", "Show or hide the destinations of the selected row", 4),
    Key("s", "s", "sort", "sort", "Sort by the next column (also: click on a column's head)", 7),
    Key("S,upper_s", "S", "reverse", "reverse", "Reverse the order"),
    Key("b", "b", "group_by", "group by", "Group by peer, destination, service, process or prefix", 6),
    Key("t", "t", "timeline", "timeline", "Timeline: count, entries per second, releases, failed connects", 6),
    Key("w", "w", "explain", "what happens", "What would help here, and what happens at this many TIME_WAIT", 8),
    Key("N,upper_n", "N", "namespaces", "namespaces", "Network namespaces of this box: watch another, and come back"),
    Key("z", "z", "zoom", "zoom", "Focused panel on the whole screen; again: back", 5),
    Key("p,Z,upper_z", "p Z", "pause", "pause", "Freeze the view; everything stays navigable", 8),
    Key("plus,equals_sign", "+", "slower", "slower", "Longer interval"),
    Key("minus", "-", "faster", "faster", "Shorter interval"),
    Key("m", "m", "mark", "mark", "Set a mark with a label or none; the header counts from it", 3, at_once=True),
    Key("M,upper_m", "M", "baseline", "baseline", "Now is the baseline: counts show their change since; again: off"),
    Key("l", "l", "list_marks", "list of marks", "Every mark with its time and key figures"),
    Key("r", "r", "refresh", "refresh", "Read the sockets now, paused or not"),
    Key("y", "y", "copy", "copy", "Copy the selected row, name=value, to the clipboard"),
    Key("e", "e", "save_table", "save table",
        "Save the peers or the sockets, as they stand, as CSV to a new file here"),
    SAVE_SCREEN,
    Key("escape", "Esc", "back", "back", "One step back: filter line, zoom, sockets, then the filter itself"),
    Key("question_mark,h,f1", "?", "help", "help", "This panel", 10),
    SUSPEND,
    Key("q,ctrl+q", "q", "quit", "quit", "Leave twtop; Ctrl-C too, with exit status 130", 10),
)  # fmt: skip

AT_ONCE = {key.action for key in MONITOR_KEYS if key.at_once}

MOVE_KEYS = (
    Key("up,k", "↑ k", "move(-1)", "up", "One row up"),
    Key("down,j", "↓ j", "move(1)", "down", "One row down"),
)

TABLE_KEYS = (
    *MOVE_KEYS,
    Key("pageup", "PgUp", "page(-1)", "page up", "One page up"),
    Key("pagedown", "PgDn", "page(1)", "page down", "One page down"),
    Key("g,home", "g", "first", "first row", "First row"),
    Key("G,upper_g,end", "G", "last", "last row", "Last row"),
    Key("tab", "Tab", "screen.focus_next", "next panel", "Next panel"),
)

CHOOSE = Key("enter,space", "⏎", "choose", "only this state", "In the States panel: filter by the state; again: back")
STATE_KEYS = (*MOVE_KEYS, CHOOSE)

ALL_KEYS = (*MONITOR_KEYS, *TABLE_KEYS, CHOOSE)


def bindings(keys: tuple[Key, ...]) -> list[Binding]:
    """The keys as Textual's bindings, hidden from Textual's own footer."""
    return [Binding(key.keys, key.action, key.label, show=False, priority=key.at_once) for key in keys]
