"""Failed connects of a row: of all its destinations, each address once, and no more certain than the kernel tells."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.built_frames import Run, filtered, frames
from tests.support.known_owners import ByInode
from tests.support.refused_connects import failed
from tests.support.sock_diag_dump import make_sample, many
from twtop.columns.failed import last_60s_among, per_s, phrase
from twtop.frame.frame import Frame
from twtop.frame.groups import Groups
from twtop.frame.row_failures import Failed, of_destinations
from twtop.frame.view import GroupBy, View, label
from twtop.model import Process
from twtop.sources.probe import Sample

PORTS = np.arange(40000, 40010)
FULL = [
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=PORTS, remaining=30),
    many("10.0.0.1", "10.0.0.5:8443", "TIME_WAIT", lports=PORTS, remaining=30),
    many("10.0.0.1", "10.0.0.5:80", lports=PORTS[:3], inode=1),
    many("10.0.0.1", "10.0.0.6:443", "TIME_WAIT", lports=PORTS, remaining=30),
    many("10.0.0.1", "10.0.0.7:443", lports=PORTS[:5], inode=[1, 1, 1, 2, 2]),
]
FAILING = {"10.0.0.5": 12, "10.0.0.6": 7}
OWNERS: ByInode = {1: Process(10, "wrk"), 2: Process(20, "curl")}


def sample(*beside: np.ndarray, failing: dict[str, int] = FAILING, seconds: int = 10, lost: int = 0) -> Sample:
    made = make_sample(*FULL, *beside, port_range=(40000, 40009), tw_reuse=0)
    return replace(made, failures=failed(made.mono, failing, seconds, lost=lost))


def shown(view: View, *beside: np.ndarray, lost: int = 0, **told: dict[str, int]) -> Frame:
    return frames(sample(*beside, lost=lost, **told), view=view, owners=OWNERS)[0]  # type: ignore[arg-type]


def rows(frame: Frame) -> dict[str, Failed]:
    """Name of each group → what failed."""
    groups = frame.groups
    return {label(groups.key(number)): frame.failures.row(number) for number in range(len(groups))}


def signed(groups: Groups, found: Failed) -> tuple[str, str]:
    return per_s(found), last_60s_among(found, groups, 40)


def test_a_peer_has_all_that_fails_to_its_address() -> None:
    frame = shown(View())
    said = {name: signed(frame.groups, found) for name, found in rows(frame).items()}
    assert said == {
        "10.0.0.5": ("12", "120 to 443 or 8443"),
        "10.0.0.6": ("7.0", "70"),
        "10.0.0.7": ("0", "0"),
    }


def test_a_destination_has_at_most_what_it_shares() -> None:
    frame = shown(View(group_by=GroupBy.DESTINATION))
    found = rows(frame)
    said = {name.split(" from")[0]: signed(frame.groups, each) for name, each in found.items()}
    assert said["10.0.0.5:443"] == said["10.0.0.5:8443"] == ("≤12", "120 to 443 or 8443")
    assert said["10.0.0.5:80"] == ("0", "0")
    assert last_60s_among(found["10.0.0.5:443 from 10.0.0.1"], frame.groups, 9) == "≤120"
    leaves = shown(View())
    assert [leaves.leaf_failures.row(leaf).at_most for leaf in range(3)] == [True, True, False]


def test_a_service_adds_up_its_addresses() -> None:
    """443 of 10.0.0.5 may have all twelve a second, and 443 of 10.0.0.6 has seven."""
    frame = shown(View(group_by=GroupBy.SERVICE))
    assert {name: signed(frame.groups, each) for name, each in rows(frame).items()} == {
        ":443": ("≤19", "≤190"),
        ":8443": ("≤12", "120 to 443 or 8443"),
        ":80": ("0", "0"),
    }


def test_what_a_filter_hides_may_have_failed_too() -> None:
    frame = shown(filtered("443"))
    assert {name: per_s(each) for name, each in rows(frame).items()} == {
        "10.0.0.5": "≤12",
        "10.0.0.6": "7.0",
        "10.0.0.7": "0",
    }


def test_a_destination_of_two_processes_is_not_known_to_be_of_one() -> None:
    frame = shown(View(group_by=GroupBy.PROCESS), failing={"10.0.0.7": 4, "10.0.0.6": 7})
    assert {name: per_s(each) for name, each in rows(frame).items()} == {
        "wrk": "≤4.0",
        "curl": "≤4.0",
        "unknown process": "7.0",
    }


def test_failures_without_an_address_make_at_least() -> None:
    frame = shown(View(), lost=3)
    assert {name: per_s(each) for name, each in rows(frame).items()} == {
        "10.0.0.5": "≥12",
        "10.0.0.6": "≥7.0",
        "10.0.0.7": "≥0",
    }
    assert per_s(frame.leaf_failures.row(0)) == "~12"


def test_inbound_rows_and_rows_of_a_run_that_counted_nothing_are_unknown() -> None:
    listener = many("10.0.0.1:443", state="LISTEN", lports=443)
    client = many("10.0.0.1:443", "10.0.0.9", rports=range(2000, 2010))
    frame = shown(View(), listener, client)
    assert per_s(rows(frame)["10.0.0.9"]) == "–"
    uncounted = frames(replace(sample(), failures=None))[0]
    assert {per_s(each) for each in rows(uncounted).values()} == {"–"}
    assert np.isnan(uncounted.failures.last_60s).all()


def test_once_nobody_counts_the_last_minute_is_still_known() -> None:
    run, before = Run(), sample()
    run.tick(before)
    run.show()
    later = make_sample(*FULL, at=20, port_range=(40000, 40009), tw_reuse=0)
    run.tick(later)
    frame = run.show()
    found = rows(frame)["10.0.0.6"]
    assert (per_s(found), last_60s_among(found, frame.groups, 9)) == ("–", "70")
    assert phrase(found, frame.groups) == "70 failed in 60 s"
    shared = frame.leaf_failures.row(0)
    assert (per_s(shared), last_60s_among(shared, frame.groups, 9)) == ("–", "≤120")


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (["10.0.0.6:443"], "7.0/s fail, 70 in 60 s"),
        (["10.0.0.5:443"], "12/s fail to 443 or 8443, 120 in 60 s"),
        (["10.0.0.5:443", "10.0.0.5:8443", "10.0.0.5:80"], "12/s fail to 443 or 8443, 120 in 60 s"),
        (["10.0.0.5:443", "10.0.0.6:443"], "≤19/s fail, ≤190 in 60 s"),
        (["10.0.0.5:80", "10.0.0.7:443"], ""),
        ([], ""),
    ],
)
def test_in_words(chosen: list[str], said: str) -> None:
    frame = shown(View(group_by=GroupBy.DESTINATION))
    groups, analysis = frame.groups, frame.analysis
    numbers = {
        label(groups.key(row)).split(" from")[0]: groups.destination[groups.first[row]] for row in range(len(groups))
    }
    rows_of = np.array([numbers[name] for name in chosen], np.intp)
    found = of_destinations(analysis.destinations, analysis.budgets, rows_of).row(0)
    assert phrase(found, groups) == said
