"""The screen: panels on one side, the engine on the other, and what each key does between them."""

from dataclasses import replace
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.reactive import Reactive
from textual.widget import Widget
from textual.widgets import Input

from twtop.engine.engine import Engine, Subscriber
from twtop.explain.claims import explain
from twtop.filter.query import Everything, unparse, with_state
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, SocketSort, View
from twtop.processes.attribution import hint
from twtop.processes.detail import read_detail
from twtop.runtime import spare_what_is_loaded
from twtop.ui.actions.export import ExportingScreen
from twtop.ui.actions.marks import MarkingScreen
from twtop.ui.actions.switch_netns import MovingScreen
from twtop.ui.actions.zoom import ZoomScreen
from twtop.ui.dialogs.explain import ExplainScreen
from twtop.ui.dialogs.help import HelpScreen
from twtop.ui.dialogs.namespaces import Places
from twtop.ui.keys import AT_ONCE, MONITOR_KEYS, bindings
from twtop.ui.kit.columns import Column
from twtop.ui.kit.table import Table
from twtop.ui.messages import Defect, Fault, FrameReady, Moved
from twtop.ui.panels.filter_bar import FilterBar
from twtop.ui.panels.footer import KeyFooter
from twtop.ui.panels.header import Header
from twtop.ui.panels.headline import Headline
from twtop.ui.panels.mark_bar import MarkBar
from twtop.ui.panels.peers import PeersTable
from twtop.ui.panels.port_map import PortMapPanel
from twtop.ui.panels.process import ProcessPanel, ReadProcess
from twtop.ui.panels.sockets import SOCKET_COLUMNS, SocketRow, SocketsTable
from twtop.ui.panels.states import StatesPanel
from twtop.ui.panels.timeline import Timeline
from twtop.ui.panels.verdict_strip import VerdictStrip

INTERVALS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)


class Monitor(MovingScreen, MarkingScreen, ExportingScreen, ZoomScreen):
    """`frame` is the latest; `view` is what the engine was asked for last."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MONITOR_KEYS)]

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """As Textual has it, but for painting the whole screen: the two panels that look different paint themselves."""

    def __init__(
        self,
        engine: Engine,
        view: View,
        interval: float,
        places: Places | None = None,
        read_process: ReadProcess = read_detail,
    ) -> None:
        super().__init__()
        self.wanted = view
        self.interval = interval
        self.paused = False
        self.frame: Frame | None = None
        self._hinted = False
        self._places = places
        self._read_process = read_process
        self._engine = engine
        self._listen()

    def _listen(self) -> None:
        """Let the engine's threads post messages to this screen."""
        self._engine.subscribe(
            Subscriber(
                lambda frame: self.post_message(FrameReady(frame)),
                lambda fault: self.post_message(Fault(fault)),
                lambda defect: self.post_message(Defect(defect)),
            )
        )

    def compose(self) -> ComposeResult:
        yield Header()
        yield Headline()
        yield VerdictStrip()
        with Horizontal(id="top"):
            yield StatesPanel()
            yield Timeline()
        with Vertical(id="middle"):  # a panel that appears paints anew what it shares a container with
            with Container(id="tables"):
                yield PeersTable(self.wanted.group_sort)
                yield SocketsTable()
            yield ProcessPanel(self._read_process)
        yield PortMapPanel()
        yield FilterBar(self.wanted.query)
        yield MarkBar()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._header = self.query_one(Header)
        self._peers = self.query_one(PeersTable)
        self._sockets = self.query_one(SocketsTable)
        self._process = self.query_one(ProcessPanel)
        self._header.interval = self.interval
        self._show_filter()
        self._peers.focus()
        self._engine.start()
        self.set_interval(1.0, self._tick_of_the_clock)

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(KeyFooter).show_for(event.size)
        self.call_after_refresh(self.keep_focus)

    def on_unmount(self) -> None:
        self._engine.stop()

    # What comes from the engine

    def on_frame_ready(self, message: FrameReady) -> None:
        if message.frame.view != self.wanted:
            return  # the answer to a key pressed since is on its way
        before, self.frame = self.frame, message.frame
        frame = message.frame
        if before is None or before.tick != frame.tick:  # else the last good sample once more, for another view
            self._header.fault = ""
        if (notice := frame.snapshot.notice) and (before is None or before.snapshot.notice != notice):
            self.notify(notice, title=f"Reading by {frame.snapshot.source}", timeout=10, markup=False)
        if frame.owners.hidden and not self._hinted:
            self._hinted = True
            self.notify(hint(frame.owners.hidden), timeout=10, markup=False)
        self._header.show_frame(frame)
        self.query_one(Headline).show_frame(frame)
        self.query_one(VerdictStrip).show_frame(frame)
        self.query_one(StatesPanel).show_frame(frame)
        self._peers.show_frame(frame)
        self._sockets.show_frame(frame)
        if self._drilled and frame.view.drill is not None and not self._sockets.has_class("drilled"):
            self._mark_panels("drilled", True)
            self._sockets.focus()
        self._show_process()
        ports = self.query_one(PortMapPanel)
        ports.show_frame(frame)
        if frame.port_map is None and self.maximized is ports:
            self.action_zoom()
        self.call_after_refresh(self.query_one(Timeline).show_frame, frame)
        if before is None and not self.app.is_headless:
            self.call_after_refresh(spare_what_is_loaded)

    def on_fault(self, message: Fault) -> None:
        self._header.fault = message.reason
        self._header.draw()

    def on_moved(self, message: Moved) -> None:
        """History starts anew with the new engine."""
        if self._drilled:
            self._close_sockets()
        if self.paused:
            self.action_pause()
        self.forget_marks()
        self.frame = None
        self.wanted = replace(self.wanted, baseline=False)
        self._header.fault = ""
        self._header.show_frame(None)
        self._engine = message.make_engine(self.wanted, self.interval)
        self._listen()
        self._engine.start()
        self.arrived(message.place)

    def on_defect(self, message: Defect) -> None:
        raise message.error

    def on_table_cursor_moved(self, message: Table.CursorMoved) -> None:
        if message.table is self._sockets:
            self._show_process()

    def _show_process(self) -> None:
        self._process.show_socket(self._sockets.selected if self._drilled else None)

    def _tick_of_the_clock(self) -> None:
        if self.paused:
            self._header.draw()

    def _mark_panels(self, name: str, on: bool) -> None:
        """A class on those panels alone that look different by it: on the screen it would paint everything anew, and
        what they hold looks the same."""
        panels = self.query("#top, #peers, #sockets, #process, #port-map")
        for panel in panels:
            panel.set_class(on, name, update=False)
        self.app.stylesheet.update_nodes(panels)

    # What goes to the engine

    def _want(self, **parts: Any) -> None:
        self.wanted = replace(self.wanted, **parts)
        self._engine.show(self.wanted)

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        self._want(query=message.query)
        self._show_filter()

    def _show_filter(self) -> None:
        query = self.wanted.query
        self._peers.show_filter("" if isinstance(query, Everything) else unparse(query))

    def on_filter_bar_closed(self) -> None:
        (self.maximized or (self._sockets if self._drilled else self._peers)).focus()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a line of text “/” and “m” are letters."""
        return not (action in AT_ONCE and isinstance(self.focused, Input)) and super().check_action(action, parameters)

    @property
    def _drilled(self) -> bool:
        return self.wanted.drill is not None

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    def on_states_panel_chosen(self, message: StatesPanel.Chosen) -> None:
        self.query_one(FilterBar).put(with_state(self.wanted.query, message.state))

    def action_drill(self) -> None:
        if self.focused is self._sockets:
            self._close_sockets()
        elif (row := self._peers.selected) is not None:
            self._want(drill=row.key)  # the panel opens with its sockets, in one paint

    def on_table_row_chosen(self) -> None:
        self.action_drill()

    def _close_sockets(self) -> None:
        self._want(drill=None)
        self._show_process()
        self._mark_panels("drilled", False)
        self._peers.focus()

    def action_back(self) -> None:
        if self.maximized is not None:
            self.action_zoom()
        elif self._drilled:
            self._close_sockets()
        elif not isinstance(self.wanted.query, Everything):
            self.query_one(FilterBar).put(Everything())

    def action_expand(self) -> None:
        self._peers.toggle()

    def action_sort(self) -> None:
        if self.focused is self._sockets:
            now = next(column for column in SOCKET_COLUMNS if column.sort is self.wanted.socket_sort)
            self._sort_sockets(self._sockets.order_after(now), reverse=False)
        elif self._peers.sorted_by is not None:
            self._peers.sort_by(self._peers.order_after(self._peers.sorted_by), reverse=False)

    def action_reverse(self) -> None:
        if self.focused is self._sockets:
            self._want(reverse=not self.wanted.reverse)
        elif self._peers.sorted_by is not None:
            self._peers.sort_by(self._peers.sorted_by, not self._peers.reverse)

    def on_table_head_clicked(self, message: Table.HeadClicked) -> None:
        column: Column[Any] = message.column
        if message.table is self._peers and column.sort is not None:
            again = column is self._peers.sorted_by
            self._peers.sort_by(column, again and not self._peers.reverse)
        elif message.table is self._sockets:
            again = column.sort is self.wanted.socket_sort
            self._sort_sockets(column, again and not self.wanted.reverse)

    def _sort_sockets(self, column: Column[SocketRow], reverse: bool) -> None:
        if isinstance(column.sort, SocketSort):
            self._want(socket_sort=column.sort, reverse=reverse)

    def action_group_by(self) -> None:
        choices = list(GroupBy)
        self._want(group_by=choices[(choices.index(self.wanted.group_by) + 1) % len(choices)])

    def action_baseline(self) -> None:
        self._want(baseline=not self.wanted.baseline)

    def action_timeline(self) -> None:
        self.query_one(Timeline).next_mode()

    def action_explain(self) -> None:
        if self.frame is not None:
            told = explain(self.frame, self._process.detail)
            self.app.push_screen(ExplainScreen(told, self.frame.verdicts, self.frame.snapshot.time))

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_pause(self) -> None:
        self.paused = not self.paused
        self._engine.pause(self.paused)
        self._header.paused = self._process.paused = self.paused
        self._header.draw()
        self._mark_panels("paused", self.paused)

    def action_refresh(self) -> None:
        self._engine.refresh()

    def action_slower(self) -> None:
        self._set_interval(min((s for s in INTERVALS if s > self.interval), default=INTERVALS[-1]))

    def action_faster(self) -> None:
        self._set_interval(max((s for s in INTERVALS if s < self.interval), default=INTERVALS[0]))

    def _set_interval(self, seconds: float) -> None:
        self.interval = self._header.interval = seconds
        self._engine.set_interval(seconds)
        self._header.draw()

    def action_quit(self) -> None:
        self.app.exit()
