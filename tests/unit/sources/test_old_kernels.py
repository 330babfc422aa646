"""From the /proc of several kernels to text, documents and screen: what one lacks is unknown, or an older rule."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.built_frames import frames
from tests.support.monitor_pilot import monitor
from tests.support.not_none import known
from tests.support.old_proc import KERNELS, Kernel, write_tree
from tests.support.sock_diag_dump import many, sock
from twtop.explain.explanation import as_text, explain
from twtop.report.formats import to_csv, to_json
from twtop.report.text import to_text
from twtop.sources.probe import Sample
from twtop.sources.procfs_source import read_procfs
from twtop.verdicts.verdict import Level

OLD, YOUNG = 300, 200
LISTENER = sock("10.0.0.1:80", state="LISTEN", inode=5)
WAITING = (
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=40000 + np.arange(OLD), remaining=np.linspace(1, 58, OLD)),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=41000 + np.arange(YOUNG), remaining=59.5),
)
BEFORE = {"TW": 1000, "TWKilled": 10, "TWRecycled": 0, "ListenDrops": 0, "PAWSEstab": 7, "PAWSTimewait": 4}
AFTER = BEFORE | {"TW": 1100, "TWRecycled": 20, "PAWSEstab": 27, "PAWSTimewait": 8}

kernels = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.release.partition("-")[0])


def readings(folder: Path, kernel: Kernel, tw_reuse: int | None = None) -> tuple[Sample, Sample]:
    """Two seconds apart: 60 TIME_WAIT more, 100 counted, and 20 that connect() took over."""
    samples = []
    old, young = WAITING
    for number, (counters, waiting) in enumerate(((BEFORE, (old, young[60:])), (AFTER, WAITING))):
        root, timewait = folder / str(number), sum(map(len, waiting))
        write_tree(root, kernel, LISTENER, *waiting, counters=counters, timewait=timewait, tw_reuse=tw_reuse)
        samples.append(replace(read_procfs(str(root)), kernel=kernel.release, mono=1000.0 + 2 * number))
    return samples[0], samples[1]


@kernels
def test_all_that_is_read_is_shown(tmp_path: Path, kernel: Kernel) -> None:
    frame = frames(*readings(tmp_path, kernel))[-1]
    value = json.loads(to_json(frame, True))
    assert value["states"]["TIME_WAIT"] == OLD + YOUNG
    assert value["peers"][0]["destinations"][0]["capacity"] == kernel.port_range[1] - kernel.port_range[0] + 1
    assert sum(known(frame.total.entered)) == OLD + YOUNG
    assert value["limits"]["max_tw_buckets"] == int(kernel.sysctls["tcp_max_tw_buckets"])
    modern = "tcp_tw_reuse_delay" in kernel.sysctls
    assert (value["limits"]["tw_reuse_delay_ms"] is None) == (value["limits"]["ehash_entries"] is None) == (not modern)
    assert ("PAWSTimewait" in value["counters"]) == modern
    assert ("TCPSynRetrans" in value["counters"]) == (kernel is not KERNELS[0])
    assert {verdict.level for verdict in frame.verdicts} == {Level.OK}


@kernels
def test_every_form_of_output_stands(tmp_path: Path, kernel: Kernel) -> None:
    frame = frames(*readings(tmp_path, kernel))[-1]
    told = to_text(frame, True)
    assert f"Linux {kernel.release}  procfs" in told
    assert "10.0.0.5" in to_csv(frame, False)
    told += as_text(explain(frame))
    assert "hash load unknown" in told or "tcp_ehash_entries" in kernel.sysctls
    refused = "2.0/s" if "PAWSTimewait" in kernel.tcp_ext else "10/s"
    assert f"{refused} rejected as old" in told
    assert "nan" not in told
    assert "None" not in told


@kernels
def test_entries_and_exits_by_what_the_kernel_counts(tmp_path: Path, kernel: Kernel) -> None:
    """60 more in 2 s; the counter's 100 are entries, or the exits by timer, beside 20 that were taken over."""
    total = frames(*readings(tmp_path, kernel))[-1].total
    assert (total.entered_per_s, total.left_per_s) == ((50, 20) if kernel.counts_entries else (90, 60))


@kernels
def test_reuse_waits_a_second_where_no_file_says_how_long(tmp_path: Path, kernel: Kernel) -> None:
    """/proc/net/tcp does not show whether the peer uses timestamps."""
    frame = frames(*readings(tmp_path, kernel, tw_reuse=1))[-1]
    (budget,) = json.loads(to_json(frame, False))["peers"][0]["destinations"]
    assert (budget["used"], budget["reusable"], budget["reusable_at_most"]) == (OLD + YOUNG, None, OLD)


@kernels
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_monitor_draws_it(tmp_path: Path, kernel: Kernel, size: tuple[int, int]) -> None:
    async with monitor(*readings(tmp_path, kernel), size=size) as stage:
        await stage.tick()
        assert stage.shows("TIME_WAIT", "10.0.0.5", "● live")
        await stage.press("w")
        await stage.until_shown("What happens at 500 TIME_WAIT?")
