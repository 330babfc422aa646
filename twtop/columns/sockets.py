"""The columns of the sockets table: one entry for each figure of a socket, whoever shows it."""

from collections.abc import Iterable, Iterator

from twtop import formatting as fmt
from twtop.columns.column import Column, Entry, Registry, Text
from twtop.columns.field import COUNT, FLAG, PORT_NUMBER, POSITIVE, TEXT, Field, In, nullable
from twtop.columns.socket_rows import ManySockets, SocketRow
from twtop.columns.tones import Line, Tone, aligned, width_of
from twtop.frame.view import SocketSort
from twtop.model import TIMEWAIT_MS, Codes, Process, TcpState, Timer
from twtop.sanitize import printable

TIMER_LABELS: dict[int, str] = {Timer.RETRANSMIT: "retransmit", Timer.KEEPALIVE: "keepalive", Timer.PROBE: "probe"}
TIMERS = {**TIMER_LABELS, Timer.TIMEWAIT: "timewait"}
STATES = {int(state): state.name for state in TcpState}
INFERRED, MET = " (inferred)", " (seen here)"
BAR = 10


def _local(row: SocketRow, _width: int) -> Line:
    return ((row.endpoint(local=True), Tone.PLAIN),)


def _remote(row: SocketRow, _width: int) -> Line:
    return ((row.endpoint(local=False), Tone.PLAIN),)


def _endpoints(hosts: list[str], ports: list[int]) -> Iterator[str]:
    for host, port in zip(hosts, ports, strict=True):
        yield f"[{host}]:{port or '*'}" if ":" in host else f"{host}:{port or '*'}"


def _state(row: SocketRow, _width: int) -> Line:
    return ((row.state.name, Tone.TIME_WAIT if row.state is TcpState.TIME_WAIT else Tone.LIVE),)


def _states(many: ManySockets) -> list[str]:
    return [STATES[state] for state in many.each(many.sockets.state).tolist()]


def _remaining(row: SocketRow, width: int) -> Line:
    if row.left_ms < 0:
        return ((fmt.UNKNOWN, Tone.DIM),)
    figure = fmt.seconds(row.left_ms / 1000)
    if row.timer != Timer.TIMEWAIT:
        return ((f"{TIMER_LABELS.get(row.timer, 'timer')} ", Tone.DIM), (figure, Tone.PLAIN))
    if width < BAR + 8:
        return ((figure, Tone.PLAIN),)
    filled = min(BAR, -(-row.left_ms * BAR // TIMEWAIT_MS))
    return (("▓" * filled, Tone.TIME_WAIT), ("░" * (BAR - filled), Tone.FREE), (f" {figure:>7}", Tone.PLAIN))


def _age(row: SocketRow, _width: int) -> Line:
    age = row.age_ms
    return ((fmt.seconds(age / 1000) if age >= 0 else fmt.UNKNOWN, Tone.PLAIN if age >= 0 else Tone.DIM),)


def _remaining_s(many: ManySockets) -> list[float | None]:
    return _seconds(many.each(many.sockets.timer_ms))


def _age_s(many: ManySockets) -> list[float | None]:
    return _seconds(many.each(many.sockets.age_ms))


def _seconds(times_ms: Codes) -> list[float | None]:
    return [time / 1000 if time >= 0 else None for time in times_ms.tolist()]


def _process(row: SocketRow, width: int) -> Line:
    """The name gives way to what stands behind it: the pid, or that there is none to be sure of."""
    if (process := row.process) is None:
        return ((fmt.UNKNOWN, Tone.DIM),)
    name: Line = ((printable(process.name), Tone.PLAIN),)
    behind = f" {process.pid}"
    if row.inferred:
        behind, short = (MET, "") if row.met else (INFERRED, "?")
        behind = behind if width_of(name) + len(behind) <= width else short
    return (*aligned(name, min(width_of(name), width - len(behind))), (behind, Tone.DIM))


def _process_in_words(many: ManySockets) -> Iterator[str]:
    def words(process: Process | None, inferred: bool, met: bool) -> str:
        if process is None:
            return fmt.UNKNOWN
        return printable(process.name) + (MET if met else INFERRED if inferred else f" {process.pid}")

    return map(words, many.processes, many.inferred, many.met)


def _pids(many: ManySockets) -> Iterator[int | None]:
    for process, inferred in zip(many.processes, many.inferred, strict=True):
        yield None if process is None or inferred else process.pid


def _of_holder(many: ManySockets, values: list[int]) -> list[int | None]:
    return [value if held else None for value, held in zip(values, many.held.tolist(), strict=True)]


SocketColumn = Column[SocketRow]
SocketText = Text[ManySockets]
SocketField = Field[ManySockets, Iterable[object]]

NO_HOLDER = "null where no process holds it, as for a TIME_WAIT, or where the source does not tell"

SOCKETS = Registry[SocketRow, ManySockets](
    Entry(
        SocketColumn("local", "LOCAL", 17, _local, "Local address and port", most=30, right=False, priority=10,
            sort=SocketSort.LOCAL),
        SocketText(28, lambda many: _endpoints(many.local, many.each(many.sockets.lport).tolist())),
        SocketField("local", TEXT, "Local address.", lambda many: many.local),
        In.SOCKET | In.CSV,
    ),
    Entry(
        field=SocketField("lport", PORT_NUMBER, "Local port.", lambda many: many.each(many.sockets.lport).tolist()),
        records=In.SOCKET | In.CSV,
    ),
    Entry(
        SocketColumn("remote", "REMOTE", 17, _remote, "Remote address and port", most=30, right=False, priority=10,
            sort=SocketSort.REMOTE),
        SocketText(28, lambda many: _endpoints(many.remote, many.each(many.sockets.rport).tolist())),
        SocketField("remote", TEXT, "Remote address.", lambda many: many.remote),
        In.SOCKET | In.CSV,
    ),
    Entry(
        field=SocketField("rport", PORT_NUMBER, "Remote port, 0 for none.",
            lambda many: many.each(many.sockets.rport).tolist()),
        records=In.SOCKET | In.CSV,
    ),
    Entry(
        SocketColumn("state", "STATE", 11, _state, "TCP state", right=False, priority=8, sort=SocketSort.STATE),
        SocketText(12, _states),
        SocketField("state", {"enum": [*STATES.values()]}, "TCP state.", _states),
        In.SOCKET | In.CSV,
    ),
    Entry(
        field=SocketField("timer", nullable({"enum": [TIMERS[timer] for timer in sorted(TIMERS)]}),
            "The timer that runs; null for none.",
            lambda many: map(TIMERS.get, many.each(many.sockets.timer).tolist())),
        records=In.SOCKET | In.CSV,
    ),
    Entry(
        SocketColumn("remaining", "REMAINING", 18, _remaining, "Time left on the timer", priority=9, most=20,
            sort=SocketSort.REMAINING),
        SocketText(9, lambda many: map(fmt.seconds, _remaining_s(many))),
        SocketField("remaining_s", nullable(POSITIVE),
            "Seconds left on the timer when the socket was read; null where none runs or is known.", _remaining_s),
        In.SOCKET | In.CSV,
    ),
    Entry(
        SocketColumn("age", "AGE", 7, _age, "Time since TIME_WAIT was entered", priority=6, sort=SocketSort.AGE),
        SocketText(8, lambda many: map(fmt.seconds, _age_s(many))),
        SocketField("age_s", nullable(POSITIVE),
            "Seconds from the entry into TIME_WAIT until the socket was read; null for any other state, or where it is "
            "unknown.", _age_s),
        In.SOCKET | In.CSV,
    ),
    Entry(
        field=SocketField("uid", nullable(COUNT), f"User id of the socket; {NO_HOLDER}.",
            lambda many: _of_holder(many, many.each(many.sockets.uid).tolist())),
        records=In.SOCKET | In.CSV,
    ),
    Entry(
        field=SocketField("inode", nullable(COUNT), f"Inode of the socket; {NO_HOLDER}.",
            lambda many: _of_holder(many, many.each(many.sockets.inode).tolist())),
        records=In.SOCKET | In.CSV,
    ),
    Entry(
        SocketColumn("process", "PROCESS", 11, _process,
            "Who holds or held it; “seen here” or no pid: was seen to hold others to the same destination; ?: inferred",
            most=26, right=False, priority=4, sort=SocketSort.PROCESS),
        SocketText(11, _process_in_words),
        SocketField("process", nullable(TEXT),
            "Name of the process that holds the socket, or was seen to hold it, or is inferred; null for unknown.",
            lambda many: [None if process is None else process.name for process in many.processes]),
        In.SOCKET | In.CSV,
    ),
    Entry(
        field=SocketField("pid", nullable(COUNT), "Its process id; null where the process is unknown or inferred.",
            _pids),
        records=In.SOCKET | In.CSV,
    ),
    Entry(
        field=SocketField("inferred", FLAG,
            "Whether the process is concluded from other sockets, and was not seen to hold this one.",
            lambda many: many.inferred),
        records=In.SOCKET | In.CSV,
    ),
)  # fmt: skip
