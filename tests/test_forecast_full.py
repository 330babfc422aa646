"""Under a steady load: the time to full that twtop foresees is when connect() fails."""

import math

from tests.forecasts import load, only_full_in
from tests.namespace import in_namespace
from twtop.frame import Frame

PORTS = 1500


@in_namespace
def test_half_full_it_foresees_when_connect_fails() -> None:
    foreseen: list[float] = []
    made: list[float] = []

    def look(frame: Frame) -> None:
        if frame.total.count >= PORTS / 2 and not foreseen:
            foreseen.append(only_full_in(frame))
            made.append(frame.snapshot.mono)

    ended = load(ports=PORTS, rate=100, seconds=40, look=look)
    assert ended.failed_at is not None
    assert foreseen
    came = ended.failed_at - made[0]
    assert abs(came - foreseen[0]) <= max(2.0, 0.1 * came), (foreseen, came)


@in_namespace
def test_what_will_not_fill_is_never_full() -> None:
    """Ten a second hold 610 of 1,500 ports in the long run."""
    said: list[float] = []
    load(ports=PORTS, rate=10, seconds=6, look=lambda frame: said.append(only_full_in(frame)))
    assert len(said) >= 4
    assert set(said) == {math.inf}
