"""Each fix is tried: its lines are pasted, and the kernel shows whether it keeps its promise."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.support.built_frames import UNBOUNDED
from tests.support.fixed_client import LOCAL, PORT, REMOTE, Application, Client, prepare
from tests.support.forecast_load import Watch
from tests.support.in_namespace import in_namespace, run_in_namespace, run_side_by_side, sysctl, wait_until
from twtop.engine.pipeline import Pipeline
from twtop.explain.fix import Fix, Promise
from twtop.explain.fixes import fixes
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.model import TcpState
from twtop.sources.decode import decode
from twtop.sources.open_source import open_local
from twtop.sources.probe import read_sample

CHOOSE, CLOSE, KEEP = "Let connect() choose the port", "Let the other side close first", "Keep connections alive"
WIDEN, SPREAD = "Widen the port range", "Spread over more destination ports or addresses"
SOURCES, REUSE = "Connect from more source addresses", "Set tcp_tw_reuse to 1"

BIND_FIRST = Client(
    before="",
    connect=f'sock.connect(("{REMOTE}", {PORT} + n % 4))',
    services=(PORT, PORT + 1, PORT + 2, PORT + 3),
)
NARROWED = "1024-39999,40600-65535"
"""Reserved, so that the widest range has 600 ports."""


def frame() -> Frame:
    pipeline = Pipeline(open_local, UNBOUNDED)
    return pipeline.build(pipeline.read(1.0), View())


def offered(what: str, seen: Frame) -> Fix:
    return next(fix for fix in fixes(seen) if fix.what == what)


def promised(fix: Fix) -> Promise:
    assert fix.promise
    return fix.promise


# Promises of room: how many connections there can be at once


SMALL = (40_000, 40_049)


@pytest.mark.parametrize("what", [WIDEN, SPREAD, SOURCES])
@in_namespace
def test_there_is_as_much_room_as_promised(what: str) -> None:
    """Some ports of the wider range are reserved, listened on or bound."""
    prepare(SMALL, ip_local_reserved_ports="1024-39999,40003,40300-65535,40150")
    application = Application(Client())
    held = [socket.socket(), socket.socket()]
    held[0].bind((REMOTE, 40_200))
    held[0].listen()
    held[1].bind((REMOTE, 40_201))
    for _ in range(30):
        application.request()
    fix = offered(what, frame())
    application.become(application.client.after(fix, capacity=49))
    assert 30 + len(application.fill()) == promised(fix).room
    assert promised(fix).room > 49
