"""Three minutes of a steady load on a budget that is full and free again, by a model of the kernel: no word flips."""

import numpy as np
import pytest

from tests.support.modelled_kernel import LOW, chosen_ports, lives, snapshots
from tests.support.sock_diag_dump import make_sample, many
from tests.support.timed_loads import PORTS, Seconds
from tests.support.word_flips import flips, spoken
from twtop.analysis.analysis import Analyst
from twtop.model import Direction, Owners, Snapshot
from twtop.sources.decode import decode
from twtop.verdicts.ports import ports
from twtop.verdicts.verdict import CounterRates, Evidence

SECONDS, SERVICES = 180, 5
READ_AT = np.arange(1.0, SECONDS)


def steady(per_s: float) -> Seconds:
    return np.arange(0, SECONDS, 1 / per_s)


def of_binders(asked: Seconds) -> list[Snapshot]:
    """The client binds first, to five services in turn: their ports are all different, those of one parity first."""
    began, ended, _ = lives(asked)
    lports, service = chosen_ports(began, ended, first=1), np.arange(len(began)) % SERVICES
    found = []
    for now in READ_AT.tolist():
        there = (began <= now) & (now < ended)
        blocks = [
            many(
                "10.0.0.1",
                f"10.0.0.5:{9000 + number}",
                "TIME_WAIT",
                lports=lports[rows],
                remaining=np.maximum(began[rows] + 60 - now, 0),
            )
            for number in range(SERVICES)
            if (rows := there & (service == number)).any()
        ]
        found.append(decode(make_sample(*blocks, at=now, port_range=(LOW, LOW + PORTS - 1), tw_reuse=0)))
    return found


LOADS = {
    "client-closes": [snapshot for _, snapshot in snapshots(steady(150), READ_AT)],
    "client-closes, uncounted": [snapshot for _, snapshot in snapshots(steady(150), READ_AT, counts=False)],
    "mixed": [snapshot for _, snapshot in snapshots(steady(PORTS / 60), READ_AT)],
    "bind-first": of_binders(steady(40)),
}


@pytest.mark.parametrize("name", LOADS)
def test_no_word_flips(name: str) -> None:
    analyst, said, full, asked = Analyst(), list[str](), list[str](), list[float]()
    for snapshot in LOADS[name]:
        found = analyst.analyse(snapshot)
        said.append(ports(Evidence(found, CounterRates({}), Owners.unknown(found.snapshot.sockets))).text)
        row = int(np.flatnonzero(found.destinations.direction == Direction.OUTBOUND)[0])
        full.append("now" if found.budgets.is_now[row] else "not now")
        asked.append(found.budgets.new_per_s[row])
    assert flips(spoken(said)) == []
    assert flips(full) == []
    first_full = full.index("now")
    assert not any("never" in text for text in said[first_full:])
    assert min(asked[first_full:]) > 0.8 * max(asked[first_full:])
