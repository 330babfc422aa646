"""Where Linux's own modules, calls and files are missing, twtop still runs, by psutil."""

import json
import os
import subprocess
import sys

import pytest

from tests import ROOT

ELSEWHERE = """
import asyncio, builtins, io, os, socket, sys
import numpy, plotext, psutil, textual.app, textual.drivers.linux_driver  # these know their systems themselves

MISSING = ("/proc/thread-self", "/proc/self", "/proc/sys", "/proc/meminfo", "/proc/slabinfo")

def without_linux(call):
    def called(path, *rest, **options):
        if not isinstance(path, int) and os.fspath(path).startswith(MISSING):
            raise FileNotFoundError(2, "No such file or directory", path)
        return call(path, *rest, **options)
    return called

builtins.open, os.readlink, os.stat = map(without_linux, (open, os.readlink, os.stat))
io.open = builtins.open
del socket.AF_NETLINK
for name in ("fcntl", "resource", "pwd", "grp"):
    sys.modules[name] = None
for name in ("setns", "unshare", "fork", "getuid", "geteuid", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
os.process_cpu_count = os.cpu_count  # from Python 3.13 on it is another function where there is sched_getaffinity()
sys.platform = {platform!r}
"""


def run(platform: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ELSEWHERE.format(platform=platform) + program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.parametrize("platform", ["darwin", "freebsd14"])
def test_a_report_by_psutil(platform: str) -> None:
    ran = run(platform, "from twtop.cli.main import main\nmain()", "-1", "-o", "json", "--sockets")
    assert ran.returncode == os.EX_OK, ran.stderr
    value = json.loads(ran.stdout)
    assert (value["source"], value["netns"], value["limits"]["port_range"]) == ("psutil", None, None)
    assert set(value["counters"]) == set()
    (told,) = ran.stderr.splitlines()
    assert told.startswith("twtop: psutil instead of sock_diag: only Linux has sock_diag")
    assert ("no TIME_WAIT" in told) == (platform == "darwin")


@pytest.mark.parametrize(
    "options", [["explain"], ["-1", "--group", "process"], ["-1", "-f", "tw and 443", "-o", "csv"]]
)
def test_other_commands(options: list[str]) -> None:
    ran = run("darwin", "from twtop.cli.main import main\nmain()", *options)
    assert ran.returncode == os.EX_OK, ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("options", "said"), [(["-N", "blue", "-1"], "blue"), (["demo", "-1"], "Linux")])
def test_what_only_linux_has_is_told_in_one_line(options: list[str], said: str) -> None:
    ran = run("darwin", "from twtop.cli.main import main\nmain()", *options)
    (told,) = ran.stderr.splitlines()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert told.startswith("twtop: ")
    assert said in told


def test_every_module_can_be_imported() -> None:
    program = """
import importlib, pkgutil, twtop
for module in pkgutil.walk_packages(twtop.__path__, "twtop."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
    ran = run("darwin", program)
    assert ran.returncode == os.EX_OK, ran.stderr


MONITOR = """
import asyncio
from functools import partial
from twtop.engine.engine import Engine
from twtop.frame.view import View
from twtop.sources.netns_listing import list_namespaces
from twtop.sources.open_source import open_local
from twtop.ui.app import TwtopApp
from twtop.ui.dialogs.namespaces import NetnsCatalog

async def painted(pilot, text):
    # until whoever runs this loses patience
    found = ""
    while text not in found:
        await pilot.pause(0.05)
        found = "\\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
    print(found)

async def look():
    catalog = NetnsCatalog(list_namespaces, lambda _: None, None)
    app = TwtopApp(Engine(open_local, View(), 0.2), View(), 0.2, (), catalog)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        while app.screen.frame is None or app.screen.frame.tick < 3:
            await pilot.pause(0.05)
        await painted(pilot, "psutil")
        for key in ("enter", "escape", "t", "w", "escape", "N"):
            await pilot.press(key)
        await painted(pilot, "this system shows no network namespaces")

asyncio.run(look())
"""


def test_the_monitor_runs() -> None:
    ran = run("darwin", MONITOR)
    assert ran.returncode == os.EX_OK, ran.stderr
    assert "psutil" in ran.stdout
    assert "this system shows no network namespaces" in ran.stdout
