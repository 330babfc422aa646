"""What a fix is: what to do, what it changes, lines to paste, and a promise that can be held against the kernel."""

import math

from twtop import formatting as fmt
from twtop.records import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """What is true once a fix is in force, and what was there before has gone. NaN is unknown, infinity is no limit.

    `room` is how many connections can exist at once, those in TIME_WAIT included; with `buckets`, how many TIME_WAIT.
    The present demand holds `held` of them in the long run. None fails for want of ports up to `max_per_s` new ones per
    second: where connections are kept, requests.
    """

    room: float
    held: float
    max_per_s: float


@dataclass(frozen=True, slots=True)
class Fix:
    """`what` to do, and the `effect` in words. `lines` are to be pasted as they stand: into a shell, code or a
    configuration. `promise` is None where the fix gives back descriptors rather than ports or buckets.
    """

    what: str
    effect: str
    lines: tuple[str, ...]
    promise: Promise | None


@dataclass(frozen=True, slots=True)
class Demand:
    """`per_s` new connections are asked for per second. NaN is unknown, and `unknown` then says why, in a clause.

    `which` says whether it is the present rate, in two or three words.
    """

    per_s: float
    unknown: str = ""
    which: str = "this rate"

    @property
    def is_known(self) -> bool:
        return not math.isnan(self.per_s)

    def under(self, promise: Promise) -> str:
        """What this demand meets where a promise holds, in words.

        >>> Demand(5.0).under(Promise(600, 310, 9.67)), Demand(12.0).under(Promise(600, 600, 9.67))
        ('at this rate (5.0/s) never full, up to 9.7/s', 'good for 9.7/s, still short of 12/s')
        """
        most = fmt.rate(promise.max_per_s)
        if not self.is_known:
            return f"good for {most}/s; {self.unknown}"
        if self.per_s < promise.max_per_s:
            return f"at {self.which} ({fmt.rate(self.per_s)}/s) never full, up to {most}/s"
        return f"good for {most}/s, still short of {fmt.rate(self.per_s)}/s"
