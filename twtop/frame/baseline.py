"""The moment against which counts are held: one analysis, counted again for each view."""

from twtop.analysis.analysis import Analysis
from twtop.filter.query import Everything, Query
from twtop.frame.apply_view import apply_view
from twtop.frame.frame import Base
from twtop.frame.view import View
from twtop.model import Counts, Owners
from twtop.records import dataclass


@dataclass(slots=True, eq=False)
class Baseline:
    """`count` (12,) counts all sockets by state, as the screen showed them then, under the filter `query`."""

    analysis: Analysis
    owners: Owners
    query: Query
    count: Counts
    _view: View | None = None
    _base: Base | None = None

    def under(self, view: View) -> Base | None:
        """What this view's filter and grouping would have counted then.

        None where only the sockets of another filter were read then. Two views that differ in nothing else get the same
        object.
        """
        if self.analysis.snapshot.part and self.query != view.query:
            return None
        compared = View(query=view.query, group_by=view.group_by)
        if self._base is None or compared != self._view:
            chosen = apply_view(self.analysis, compared, self.owners)
            count = self.count if isinstance(view.query, Everything) else chosen.count
            self._base = Base(self.analysis.snapshot.time, self.count, count, chosen.groups)
            self._view = compared
        return self._base
