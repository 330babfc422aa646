"""Drawn keys, clicks, turns of the wheel, pastes and sizes for the monitor, while its surroundings change."""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st
from textual import events
from textual.geometry import Size

from tests.support.monitor_pilot import Stage, key_event, monitor, mouse
from tests.support.monitor_samples import ALL_STATES, CLIENT, lab, later, owners, scene
from twtop.engine.engine import Engine
from twtop.model import Process
from twtop.namespaces import Netns, NetnsListing, NetnsTarget
from twtop.sources.probe import CollectError, Request, Sample
from twtop.sources.source import ReadBy, Source
from twtop.ui.dialogs.namespaces import NetnsCatalog
from twtop.ui.keys import ALL_KEYS

SIZES = ((80, 24), (120, 40), (60, 20), (200, 60), (20, 5))
NAMED = "tab shift+tab left right ctrl+p backspace delete ctrl+a ctrl+u insert f2 f12".split()
KEYS = sorted({name for key in ALL_KEYS for name in key.keys.split(",")} | {*NAMED, *"01459()<>.:a~é日"})
TEXTS = ("443", "dir out", "port (", "theme", "pause")
READINGS: dict[str, Sample | Exception] = {
    "lab": lab(),
    "all states": scene(*ALL_STATES),
    "clients": scene(CLIENT),
    "nothing": scene(),
    "busy": CollectError("sock_diag answered: device or resource busy"),
}
HOME = Netns(1, None, (Process(1, "init"),), 3)
FOUND = (HOME, *(Netns(n, NetnsTarget(f"net{n}", (f"/run/netns/net{n}",), "gone"), (), n) for n in range(2, 12)))


@dataclass
class Surroundings:
    """What a monitor meets: what its readings bring, which namespaces there are, and why none can be entered."""

    reading: str = "lab"
    found: tuple[Netns, ...] = (HOME,)
    refusal: str | None = None
    reads: int = field(default=0, compare=False)

    def read(self, _: Request) -> Sample:
        self.reads += 1
        reading = READINGS[self.reading]
        if isinstance(reading, Exception):
            raise reading
        return later(reading, self.reads)

    def source(self) -> Source:
        return ReadBy(self.read)

    def listing(self) -> NetnsListing:
        if not self.found:
            raise FileNotFoundError(2, "No such file or directory")
        return NetnsListing(self.found, len(self.found) % 3)

    @property
    def catalog(self) -> NetnsCatalog:
        return NetnsCatalog(self.listing, lambda _: self.refusal, lambda _: partial(Engine, self.source))


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens: a key, a text, a mouse event at a share of the screen, a size, or another reading."""

    kind: str
    value: Any = None
    rests: bool = False
    """Whether the next act waits until all is painted."""


places = st.tuples(st.floats(0, 0.999), st.floats(0, 0.999))
acts = st.builds(
    lambda act, rests: Act(act[0], act[1], rests),
    st.one_of(
        *[st.tuples(st.just("key"), st.sampled_from(KEYS))] * 5,
        st.tuples(st.sampled_from(("click", "double", "move", "down", "up", "wheel_down", "wheel_up")), places),
        st.tuples(
            st.just("paste"), st.text(max_size=12) | st.sampled_from(("443", "dir out", "port (", "theme", "pause"))
        ),
        st.tuples(st.just("size"), st.sampled_from(SIZES)),
        st.tuples(st.just("tick"), st.sampled_from([*READINGS])),
        st.tuples(st.just("found"), st.integers(0, len(FOUND)) | st.just(2)),
        st.tuples(st.just("refusal"), st.none() | st.just("no way: run twtop as root")),
    ),
    st.integers(0, 5).map(lambda drawn: drawn == 0),
)


def sent(act: Act, size: Size) -> Iterator[events.Event]:
    """The events that a terminal's driver posts for this act."""
    if act.kind == "key":
        yield key_event(act.value)
    elif act.kind == "paste":
        yield events.Paste(act.value)
    elif act.kind == "size":
        yield events.Resize(Size(*act.value), Size(*act.value))
    else:
        x, y = int(act.value[0] * size.width), int(act.value[1] * size.height)
        for kind in {
            "click": (events.MouseDown, events.MouseUp),
            "double": (events.MouseDown, events.MouseUp) * 2,
            "move": (events.MouseMove,),
            "down": (events.MouseDown,),
            "up": (events.MouseUp,),
            "wheel_down": (events.MouseScrollDown,),
            "wheel_up": (events.MouseScrollUp,),
        }[act.kind]:
            yield mouse(kind, x, y, button=1)


def play(played: Sequence[Act], size: tuple[int, int]) -> None:
    """Let all this happen; a monitor that is left is opened anew. Raises what the monitor or the loop raises."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        asyncio.run(_play(played, size))


async def _play(played: Sequence[Act], size: tuple[int, int]) -> None:
    failures: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, told: failures.append(told.get("exception") or RuntimeError(told["message"]))
    )
    left = list(reversed(played))
    while left:
        around = Surroundings()
        done: list[Act] = []
        try:
            async with monitor(
                size=size, open_source=around.source, owners=owners(["postgres"] * 7), catalog=around.catalog
            ) as stage:
                while left and not has_left(stage):
                    done.append(act := left.pop())
                    await _happen(stage, around, act)
        except Exception as error:
            error.add_note(f"at {size} after {done}")
            raise
        assert not failures, (failures, size, done)


def has_left(stage: Stage) -> bool:
    return stage.app._exit or not stage.app.is_running


async def _happen(stage: Stage, around: Surroundings, act: Act) -> None:
    if act.kind == "tick":
        around.reading = act.value
        stage.monitor.action_refresh()
    elif act.kind == "found":
        around.found = FOUND[: act.value]
    elif act.kind == "refusal":
        around.refusal = act.value
    else:
        for event in sent(act, stage.app.size):
            stage.app.post_message(event)
    if act.rests:
        await stage.at_rest()
    else:
        await asyncio.sleep(0)
