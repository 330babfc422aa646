"""twtop as an ordinary user and as root, over the same sockets: only what belongs to others may differ."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests import ROOT
from twtop.demo.private_netns import IFF_UP, SIOCSIFFLAGS
from twtop.sources.netns import CLONE_NEWNET

NOBODY, PR_SET_DUMPABLE = 65534, 4

SCENE = f"""
import contextlib, ctypes, fcntl, io, json, os, signal, socket, struct, sys, time
from twtop.cli.main import main
from twtop.runtime import privileges

privileges.keep_only = lambda kept: None  # this process becomes somebody else after a report
libc = ctypes.CDLL(None, use_errno=True)
if os.getuid() or libc.unshare({CLONE_NEWNET}):
    sys.exit("SKIP: only root can be somebody else too")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, {SIOCSIFFLAGS}, struct.pack("16sH14x", b"lo", {IFF_UP}))
with open("/proc/sys/net/ipv4/tcp_tw_reuse", "w") as file:
    file.write("0")
server = socket.create_server(("127.0.0.1", 8443))
for _ in range(40):
    client = socket.create_connection(("127.0.0.1", 8443))
    accepted, _ = server.accept()
    client.close(), accepted.close()
held = socket.create_connection(("127.0.0.1", 8443)), server.accept()[0]
deadline = time.monotonic() + 10
while " tw 40 " not in open("/proc/thread-self/net/sockstat").read() and time.monotonic() < deadline:
    time.sleep(0.01)

def become_ordinary():
    os.setgroups([])
    os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
    os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
    libc.prctl({PR_SET_DUMPABLE}, 1)  # as after an exec: it may look into itself

def forked(body):
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sender, body().encode())
        finally:
            os._exit(0)
    os.close(sender)
    return child, open(receiver)

def hold():
    server.close(), [end.close() for end in held]  # root's own, which fork handed on
    become_ordinary()
    own = socket.create_server(("127.0.0.1", 9000))
    ready.write("!"), ready.flush()
    signal.pause()

waiting, ready = os.pipe()
ready = os.fdopen(ready, "w")
holder, _ = forked(hold)
os.read(waiting, 1)

def report():
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main(["-1", "-o", "json", "--sockets", *sys.argv[1:]])
    return said.getvalue()

def ordinary_report():
    server.close(), [end.close() for end in held]
    become_ordinary()
    return report()

as_root = report()  # loads all that there is to load, as long as that is allowed
_, pipe = forked(ordinary_report)
print(json.dumps([as_root, pipe.read()]))
os.kill(holder, signal.SIGKILL)
"""

VOLATILE = r"time|collect_ms|sockets\..*\.(remaining_s|age_s)|time_wait\.(entered|releases)(_per_s)?\..*"
TIMED = r"peers\..*(entered_per_s|new_per_s|asked_per_s|full_in_s)|time_wait\.entered_per_s|counters\.OutRsts"
SLABS = r"verdicts\.memory\.(value|text|level)"
OTHERS = r"sockets\..*:8443.*\.(process|pid|inferred)"
OPEN_FILES = r"verdicts\.fds\.(value|text)"


def flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value with its path. Sockets and verdicts are named in it, not numbered."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from flat(part, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from flat(part, f"{at}.{called(part) or number}")
    else:
        yield at, value


def called(part: object) -> str:
    if isinstance(part, dict) and "rport" in part:
        return f"{part['local']}:{part['lport']} {part['remote']}:{part['rport']}"
    return str(part["id"]) if isinstance(part, dict) and "id" in part else ""


@pytest.mark.parametrize("source", ["sock_diag", "procfs"])
def test_an_ordinary_user_sees_what_root_sees(source: str) -> None:
    command = [sys.executable, "-c", SCENE, "--source", source]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if ran.stderr.startswith("SKIP"):
        pytest.skip(ran.stderr)
    assert ran.returncode == 0, ran.stderr
    roots, ordinary = json.loads(ran.stdout)
    as_root, as_nobody = dict(flat(json.loads(roots))), dict(flat(json.loads(ordinary)))
    assert as_root["states.TIME_WAIT"] == 40
    assert as_root.keys() == as_nobody.keys()
    differ = {path for path in as_root if as_root[path] != as_nobody[path]}
    allowed = "|".join((VOLATILE, TIMED, SLABS, OTHERS, OPEN_FILES))
    assert {path: (as_root[path], as_nobody[path]) for path in differ if not re.fullmatch(allowed, path)} == {}
    processes = {path.rpartition(".")[0]: as_nobody[path] for path in as_nobody if path.endswith(".process")}
    owners = {ends: processes[ends] for ends in processes if ends.startswith("sockets.127.0.0.1:9000")}
    assert len(owners) == 1
    assert None not in owners.values()
    assert as_nobody["sockets.127.0.0.1:8443 0.0.0.0:0.process"] is None
    assert as_root["sockets.127.0.0.1:8443 0.0.0.0:0.process"] is not None
