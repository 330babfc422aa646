"""The main screen: its panels, the engine that feeds them, and what each key does between them."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from twtop.engine.engine import Engine
from twtop.explain.explanation import explain
from twtop.filter.query import Everything, unparse, with_state
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.processes.attribution import hint
from twtop.processes.detail import read_detail
from twtop.runtime import interpreter
from twtop.ui.actions.drill import Drill
from twtop.ui.actions.export import Export
from twtop.ui.actions.marks import Marks
from twtop.ui.actions.pace import Pace
from twtop.ui.actions.sort import Sort
from twtop.ui.actions.switch_netns import SwitchNetns
from twtop.ui.actions.zoom import Zoom
from twtop.ui.dialogs.explain import ExplainScreen
from twtop.ui.dialogs.help import HelpScreen
from twtop.ui.dialogs.namespaces import NetnsCatalog
from twtop.ui.engine_holder import EngineHolder, MakeEngine
from twtop.ui.keys import AT_ONCE, MONITOR_KEYS, bindings
from twtop.ui.kit.app_sized import AppSized
from twtop.ui.kit.table import Table
from twtop.ui.messages import Defect, Fault, FrameReady
from twtop.ui.panels.filter_bar import FilterBar
from twtop.ui.panels.footer import KeyFooter
from twtop.ui.panels.header import Header
from twtop.ui.panels.headline import Headline
from twtop.ui.panels.mark_bar import MarkBar
from twtop.ui.panels.peers import PeersTable
from twtop.ui.panels.port_map import PortMapPanel
from twtop.ui.panels.process import ProcessPanel, ReadProcess
from twtop.ui.panels.sockets import SocketsTable
from twtop.ui.panels.states import StatesPanel
from twtop.ui.panels.timeline import Timeline
from twtop.ui.panels.verdict_strip import VerdictStrip


class Monitor(AppSized, Screen[None]):
    """`frame` is the latest one, None before the first; `engine` knows the view that was asked for last."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MONITOR_KEYS)]
    ALLOW_IN_MAXIMIZED_VIEW = "#header, #filter-bar, #mark-bar, #footer"

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """As Textual defines it, but without repainting the screen: the panels that look different repaint themselves."""

    def __init__(
        self,
        engine: Engine,
        view: View,
        interval: float,
        catalog: NetnsCatalog | None = None,
        read_process: ReadProcess = read_detail,
    ) -> None:
        super().__init__()
        self.frame: Frame | None = None
        self.engine = EngineHolder(engine, view, interval, self.post_message)
        self._header = Header(interval)
        self._headline = Headline()
        self._verdicts = VerdictStrip()
        self._states = StatesPanel()
        self._timeline = Timeline()
        self._peers = PeersTable(view.group_sort)
        self._sockets = SocketsTable()
        self._process = ProcessPanel(read_process)
        self._port_map = PortMapPanel()
        self._filter_bar = FilterBar(view.query)
        self._mark_bar = MarkBar()
        self._footer = KeyFooter()
        frame, table = self._latest_frame, self._meant_table
        self.marks = Marks(self, frame, self._mark_bar, self._header, self._timeline)
        self.export = Export(self, frame, table)
        self._drill = Drill(self.engine, self._peers, self._sockets, self._process, table, self._set_panels_class)
        self._pace = Pace(self.engine, self._header, self._process, self._set_panels_class)
        self._sort = Sort(self.engine, table)
        self._zoom = Zoom(self)
        self._switch_netns = (
            None if catalog is None else SwitchNetns(self, catalog, frame, self.engine, self._go_on_with)
        )
        self._hinted = False

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._headline
        yield self._verdicts
        with Horizontal(id="top"):
            yield self._states
            yield self._timeline
        with Vertical(id="middle"):  # a panel that appears repaints what it shares a container with
            with Container(id="tables"):
                yield self._peers
                yield self._sockets
            yield self._process
        yield self._port_map
        yield self._filter_bar
        yield self._mark_bar
        yield self._footer

    def on_mount(self) -> None:
        self._show_filter()
        self._peers.focus()
        self.engine.start()
        self.set_interval(1.0, self._header.draw_age)

    def on_unmount(self) -> None:
        self.engine.stop()

    def on_resize(self, event: events.Resize) -> None:
        self._footer.show_for(event.size)
        self.call_after_refresh(self._keep_focus)

    def _keep_focus(self) -> None:
        """A panel that has folded away gives the focus to one that is seen."""
        chain = self.focus_chain
        if chain and self.focused not in chain:
            chain[0].focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._zoom.follow(event.widget)

    # What comes from the engine

    def on_frame_ready(self, _: FrameReady) -> None:
        frame, before = self.engine.take_frame(), self.frame
        if frame is None or frame.view != self.engine.view:
            return  # the answer to a key pressed since is on its way
        self.frame = frame
        self._notify(before, frame)
        self._header.show_frame(frame)
        self._headline.show_frame(frame)
        self._verdicts.show_frame(frame)
        self._states.show_frame(frame)
        self._peers.show_frame(frame)
        self._drill.show_frame(frame)
        self._port_map.show_frame(frame)
        if frame.port_map is None:
            self._zoom.leave(self._port_map)
        self.call_after_refresh(self._timeline.show_frame, frame)
        if before is None and not self.app.is_headless:
            self.call_after_refresh(interpreter.after_the_first_frame)

    def _notify(self, before: Frame | None, frame: Frame) -> None:
        """Notify of what the source says of itself, and once of processes that are hidden from this user."""
        snapshot = frame.snapshot
        if snapshot.notice and (before is None or before.snapshot.notice != snapshot.notice):
            self.notify(snapshot.notice, title=f"Reading by {snapshot.source}", timeout=10, markup=False)
        if frame.owners.hidden and not self._hinted:
            self._hinted = True
            self.notify(hint(frame.owners.hidden), timeout=10, markup=False)

    def on_fault(self, message: Fault) -> None:
        self._header.show_fault(message.reason)

    def on_defect(self, message: Defect) -> None:
        raise message.error

    def _go_on_with(self, make_engine: MakeEngine) -> None:
        """Watch another network namespace: history begins anew."""
        self._drill.close()
        self.marks.forget()
        self.frame = None
        self._header.show_frame(None)
        self.engine.go_on_with(make_engine)
        self._pace.show_pause()

    # The filter

    def action_filter(self) -> None:
        self._filter_bar.open()

    def on_states_panel_chosen(self, message: StatesPanel.Chosen) -> None:
        self._filter_bar.put(with_state(self.engine.view.query, message.state))

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        self.engine.show(query=message.query)
        self._show_filter()

    def _show_filter(self) -> None:
        query = self.engine.view.query
        self._peers.show_filter("" if isinstance(query, Everything) else unparse(query))

    def on_filter_bar_closed(self) -> None:
        (self.maximized or self._drill.front).focus()

    # The sockets of the selected row

    def action_drill(self) -> None:
        self._drill.toggle()

    def on_table_row_chosen(self) -> None:
        self._drill.toggle()

    def on_table_cursor_moved(self, message: Table.CursorMoved) -> None:
        if message.table is self._sockets:
            self._drill.show_process()

    # The other keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a line of text “/” and “m” are letters."""
        return not (action in AT_ONCE and isinstance(self.focused, Input)) and super().check_action(action, parameters)

    def action_back(self) -> None:
        if self._zoom.is_on:
            self._zoom.toggle()
        elif self._drill.is_open:
            self._drill.close()
        elif not isinstance(self.engine.view.query, Everything):
            self._filter_bar.put(Everything())

    def action_expand(self) -> None:
        self._peers.toggle()

    def action_sort(self) -> None:
        self._sort.by_next_column()

    def action_reverse(self) -> None:
        self._sort.reverse()

    def on_table_head_clicked(self, message: Table.HeadClicked) -> None:
        self._sort.by_head(message.table, message.column)

    def action_group_by(self) -> None:
        choices = list(GroupBy)
        now = choices.index(self.engine.view.group_by)
        self.engine.show(group_by=choices[(now + 1) % len(choices)])

    def action_baseline(self) -> None:
        self.engine.show(baseline=not self.engine.view.baseline)

    def action_timeline(self) -> None:
        self._timeline.next_mode()

    def action_zoom(self) -> None:
        self._zoom.toggle()

    def action_explain(self) -> None:
        if self.frame is not None:
            told = explain(self.frame, self._process.detail)
            self.app.push_screen(ExplainScreen(told, self.frame.verdicts, self.frame.snapshot.time))

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_namespaces(self) -> None:
        if self._switch_netns is None:
            self.notify("this source has no other network namespaces", timeout=4)
        else:
            self._switch_netns.choose()

    def action_mark(self) -> None:
        self.marks.ask()

    def on_mark_bar_marked(self, message: MarkBar.Marked) -> None:
        self.marks.add(message.mark)

    def action_list_marks(self) -> None:
        self.marks.list_all()

    def action_copy(self) -> None:
        self.export.copy_row()

    def action_save_table(self) -> None:
        self.export.save_table()

    def action_pause(self) -> None:
        self._pace.toggle_pause()

    def action_refresh(self) -> None:
        self.engine.refresh()

    def action_slower(self) -> None:
        self._pace.slower()

    def action_faster(self) -> None:
        self._pace.faster()

    def action_quit(self) -> None:
        self.app.exit()

    # What the actions are handed

    def _latest_frame(self) -> Frame | None:
        return self.frame

    def _meant_table(self) -> PeersTable | SocketsTable:
        """The sockets while they have the focus, else the peers."""
        return self._sockets if self.focused is self._sockets else self._peers

    def _set_panels_class(self, name: str, on: bool) -> None:
        """Set a class of those panels alone that look different by it, and restyle nothing that they hold.

        A class of the screen would repaint all of it.
        """
        panels = self.query("#top, #peers, #sockets, #process, #port-map")
        for panel in panels:
            panel.set_class(on, name, update=False)
        self.app.stylesheet.update_nodes(panels)
