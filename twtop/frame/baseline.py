"""The moment against which counts are held: one analysis, counted again for each view."""

from dataclasses import dataclass

from twtop.analysis.analysis import Analysis
from twtop.filter.query import Everything, Query
from twtop.frame.apply_view import apply_view
from twtop.frame.frame import Base
from twtop.frame.view import View
from twtop.model import Counts, Owners


@dataclass(slots=True, eq=False)
class Baseline:
    """`count` (12,) is by state of all sockets, as the screen showed it then under the filter `query`."""

    analysis: Analysis
    owners: Owners
    query: Query
    count: Counts
    _view: View | None = None
    _base: Base | None = None

    def under(self, view: View) -> Base | None:
        """What the view's filter and grouping would have counted then; the last answer again where it still holds.

        None where only the sockets of another filter were read then.
        """
        if self.analysis.snapshot.part and self.query != view.query:
            return None
        wanted = View(query=view.query, group_by=view.group_by)
        if self._base is None or wanted != self._view:
            chosen = apply_view(self.analysis, wanted, self.owners)
            count = self.count if isinstance(view.query, Everything) else chosen.count
            self._base = Base(self.analysis.snapshot.time, self.count, count, chosen.groups)
            self._view = wanted
        return self._base
