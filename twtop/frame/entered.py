"""How many TIME_WAIT began in each 3 s of the last minute, for rows of the peers table."""

from functools import cached_property

import numpy as np

from twtop.dump.timer_wheel import RATE_WINDOW_S
from twtop.model import TIMEWAIT_MS, Codes, Counts, Floats, Mask, Rows, TcpState
from twtop.records import dataclass, freeze

SPARK_STEPS = 20
SPARK_STEP_MS = TIMEWAIT_MS // SPARK_STEPS
RATE_STEPS = RATE_WINDOW_S * 1000 // SPARK_STEP_MS


@dataclass(frozen=True, eq=False)
class Entered:
    """Entries of leaves and of groups. They are counted when somebody asks for them, since few views show them.

    `age_ms` are the ages of all sockets, and `rows` those sockets that count, None for all. `part` is what each of
    these belongs to, −1 for nothing. `leaf` and `group` (parts + 1,) are the number of the leaf and of the group that
    each part is, the last entry that of nothing, which is the number of leaves or groups.
    """

    age_ms: Codes
    rows: Rows | None
    part: Rows
    leaf: Rows
    group: Rows

    @cached_property
    def by_leaf(self) -> Counts:
        """Entries by step, oldest first: (leaves, 20)."""
        return self._counted(self.leaf)

    @cached_property
    def by_group(self) -> Counts:
        """Entries by step, oldest first: (groups, 20)."""
        return self._counted(self.group)

    def _counted(self, number: Rows) -> Counts:
        """One step more than there are is that of sockets without a known age."""
        age_ms, count, steps = (
            self.age_ms if self.rows is None else self.age_ms.take(self.rows),
            number[-1],
            SPARK_STEPS,
        )
        step = np.maximum(steps - 1 - age_ms // SPARK_STEP_MS, 0)
        slots = (number * (steps + 1)).take(self.part)
        slots += step
        table = np.bincount(slots, minlength=(count + 1) * (steps + 1)).reshape(-1, steps + 1)[:count, :steps]
        freeze(table)
        return table


def has_timers(states: Counts, entered: Counts) -> Mask:
    """Whether the timers of all TIME_WAIT of a row are known. `states` and `entered` are of one row, or of all rows.

    A TIME_WAIT with a known timer is counted in one step of the last minute.
    """
    complete: Mask = np.asarray(entered.sum(axis=-1) == states[..., TcpState.TIME_WAIT])
    return complete


def entered_per_s(states: Counts, entered: Counts) -> Floats:
    """Recent TIME_WAIT entries per second of each row; NaN where timers are unknown."""
    return np.where(has_timers(states, entered), entered[:, -RATE_STEPS:].sum(axis=1) / RATE_WINDOW_S, np.nan)
