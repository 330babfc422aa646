"""The targets of `make fuzz` find what is planted: their own way is not that of the product."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fuzz.registry import target
from tests.fuzz.replay import replay_all
from tests.fuzz.target import Finding


def _without_the_first(found: Any) -> Any:
    return found.take(np.arange(1, len(found)))


PLANTED: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("sock_diag", "decode_dump"): _without_the_first,
    ("procfs", "decode_tables"): lambda found: replace(found, rport=found.lport),
    ("counters", "decode_counters"): lambda found: {name: value + 1 for name, value in found.items()},
    ("counters", "decode_device_names"): lambda found: {number: f"{name} " for number, name in found.items()},
    ("listeners", "decode_listener_drops"): lambda found: {**found, 7: 7},
    ("filters", "kept"): np.logical_not,
    ("filters", "unparse"): lambda found: f"not ({found})",
    ("filters", "pushed_down"): lambda found: found and replace(found, bytecode=found.bytecode[:-4]),
    ("processes", "by_inode"): lambda found: {inode: replace(process, pid=1) for inode, process in found.items()},
}


@pytest.mark.parametrize(("name", "function"), PLANTED)
def test_a_planted_defect_is_found(name: str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = target(name).check.__globals__
    really, wrong = names[function], PLANTED[name, function]
    monkeypatch.setitem(names, function, lambda *arguments: wrong(really(*arguments)))
    with pytest.raises(Finding):
        replay_all(name)


def test_a_name_that_comes_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twtop.report.text.printable", lambda name, _=0: name)
    with pytest.raises(Finding, match="text lets"):
        replay_all("reports")


def test_whatever_is_raised_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(target("procfs").check.__globals__, "decode_tables", broken)
    with pytest.raises(ZeroDivisionError):
        target("procfs").check(b"")


def test_a_hang_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(_: bytes) -> None:
        while True:
            pass

    monkeypatch.setattr("tests.fuzz.replay.LIMIT_S", 0.05)
    monkeypatch.setitem(target("procfs").check.__globals__, "decode_tables", hangs)
    with pytest.raises(Finding, match="hangs"):
        replay_all("procfs")
