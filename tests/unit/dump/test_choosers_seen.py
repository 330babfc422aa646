"""What dump after dump shows of who chose the ports is remembered the same way, whoever comes and goes between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twtop.dump.choosers_seen import KEPT_S, ChoosersSeen
from twtop.dump.port_choice import PortChoices, Shown
from twtop.model import PORTS

Dump = tuple[dict[int, tuple[bool, bool, int]], float]

shows = st.dictionaries(st.integers(1, 5), st.tuples(st.booleans(), st.booleans(), st.integers(0, 20)), max_size=5)
dumps = st.lists(st.tuples(shows, st.sampled_from([1.0, KEPT_S / 2, KEPT_S + 1])), max_size=6)


def after(seen: ChoosersSeen, dump: dict[int, tuple[bool, bool, int]], mono: float) -> ChoosersSeen:
    """`dump` has, by the name of each destination, whether it showed bind() and connect(), and its sockets."""
    names = np.array([*dump], np.uint64)
    bind, connect, sockets = (np.array([each[at] for each in dump.values()]) for at in range(3))
    shown = Shown(bind.astype(np.bool_), connect.astype(np.bool_), sockets.astype(np.int64))
    ports, nothing = np.zeros(PORTS, np.bool_), np.zeros(len(dump), np.bool_)
    return seen.after(names, PortChoices(ports, ports, nothing, nothing, nothing, shown), mono)


@given(dumps)
def test_dump_after_dump(run: list[Dump]) -> None:
    """Compared with a way that never takes the short cut."""
    found = slow = ChoosersSeen()
    mono = 0.0
    for shown, passed_s in run:
        mono += passed_s
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(ChoosersSeen, "_again", lambda *_: None)
            slow = after(slow, shown, mono)
        found = after(found, shown, mono)
        columns = (in_order(each) for each in (found, slow))
        assert all((one == other).all() for one, other in zip(*columns, strict=True))


def in_order(seen: ChoosersSeen) -> tuple[np.ndarray, ...]:
    """Names, times and most sockets, by name."""
    order = np.argsort(seen.names)
    return seen.names[order], seen.times[:, order], seen.most[order]
