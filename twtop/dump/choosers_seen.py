"""Who was seen to choose the ports of each destination: clients keep to their kind, and not every dump shows it."""

from dataclasses import field, replace

import numpy as np

from twtop.arrays import Index, among
from twtop.dump.destinations import Names
from twtop.dump.port_choice import PortChoices, Shown
from twtop.model import Counts, Floats
from twtop.records import dataclass

KEPT_S = 130
"""Twice the longest life of a TIME_WAIT: that of one, and that of another whose port it could not take."""

NOT_FEWER = 15 / 16
"""A destination with this share of the most sockets that it had lately does not lose connections."""


@dataclass(frozen=True, slots=True, eq=False)
class ChoosersSeen:
    """When the ports of each destination last showed that its client binds first, and that it connects.

    Ports of a destination that loses connections show nothing, since those that it took first come free first. A
    destination is forgotten once it is gone for KEPT_S. `times` (4, destinations) are when each kind was shown, when it
    had the `most` sockets, and when it was there, in seconds of the monotonic clock.
    """

    index: Index = field(default_factory=lambda: Index(np.empty(0, np.uint64)))
    times: Floats = field(default_factory=lambda: np.empty((4, 0)))
    most: Counts = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def names(self) -> Names:
        return self.index.names

    def of(self, names: Names) -> Shown:
        """What the dumps before showed, of one kind alone, of the destinations with these names."""
        if self.index.begins_with(names):
            bind, connect = self.times[:2, : len(names)]
        else:
            bind, connect = np.column_stack((self.times[:2], np.full(2, -np.inf)))[:, self.index.rows(names)]
        return Shown(bind > connect + KEPT_S, connect > bind + KEPT_S, np.zeros(len(names), np.int64))

    def after(self, names: Names, choices: PortChoices | None, mono: float) -> "ChoosersSeen":
        """The same with what a dump shows, read at `mono`."""
        if choices is None:
            return self
        shown = choices.shown
        again = self._again(names, shown, mono)
        if again is not None:
            return again
        some = np.flatnonzero(shown.sockets)
        rows = np.sort(np.unique(names[some], return_index=True)[1])  # as they come, which is as they will come again
        present, shown = names[some[rows]], shown.of(some[rows])
        at = self.index.rows(present)
        times = np.column_stack((self.times, np.full(4, -np.inf)))[:, at]
        most = _noted(times, np.append(self.most, 0)[at], shown, mono)
        gone = ~among(self.names, np.sort(present)) & (self.times[3] >= mono - KEPT_S)
        together = np.column_stack((times, self.times[:, gone]))
        return ChoosersSeen(Index(np.append(present, self.names[gone])), together, np.append(most, self.most[gone]))

    def _again(self, names: Names, shown: Shown, mono: float) -> "ChoosersSeen | None":
        """The same where all of these destinations are remembered, and none is forgotten; None where not so."""
        if self.index.begins_with(names) and len(names) == len(self.names) and shown.sockets.all():
            times = self.times.copy()
            return replace(self, times=times, most=_noted(times, self.most, shown, mono))
        there = np.flatnonzero(shown.sockets)
        at = self.index.rows(names)[there]
        if (at < 0).any() or np.bincount(at, minlength=1).max() > 1 or (self.times[3] < mono - KEPT_S).any():
            return None
        times, most = self.times.copy(), self.most.copy()
        seen = times[:, at]
        most[at] = _noted(seen, most[at], shown.of(there), mono)
        times[:, at] = seen
        return replace(self, times=times, most=most)


def _noted(times: Floats, most: Counts, shown: Shown, mono: float) -> Counts:
    """Write into the `times` of some destinations what is shown of them; the most sockets that each has had."""
    rises = (shown.sockets >= most) | (times[2] < mono - KEPT_S)
    most, times[2] = np.where(rises, shown.sockets, most), np.where(rises, mono, times[2])
    steady = shown.sockets >= NOT_FEWER * most
    times[0, shown.bind & steady] = times[1, shown.connect & steady] = times[3] = mono
    return most
