"""What an engine says before anybody listens is not lost, nor said twice, nor out of order."""

from queue import Queue
from typing import Any

from tests.support.monitor_samples import lab
from tests.unit.engine.test_engine import PATIENCE_S, Kernel
from twtop.engine.engine import Engine
from twtop.engine.head_start import HeadStart
from twtop.frame.view import View
from twtop.sources.probe import CollectError

VIEW = View()


def test_it_reads_before_anybody_listens() -> None:
    kernel, news = Kernel(), Queue[tuple[str, Any]]()
    early = HeadStart(lambda *words: Engine(kernel.open, *words), VIEW, 0.001)
    kernel.begun()
    kernel.answer(CollectError("not yet"))
    kernel.begun()
    kernel.answer(lab())
    kernel.begun()  # both are through
    kinds = ("frame", "fault", "defect")
    engine = early(VIEW, 0.001, *(lambda each, kind=kind: news.put((kind, each)) for kind in kinds))
    assert news.get(timeout=PATIENCE_S) == ("fault", "not yet")
    kind, first = news.get(timeout=PATIENCE_S)
    assert (kind, first.tick) == ("frame", 1)
    engine.start()  # as the screen does with any engine
    kernel.answer(lab(at=1))
    kind, second = news.get(timeout=PATIENCE_S)
    assert (kind, second.tick) == ("frame", 2)
    kernel.answer(*[None] * 9)
    engine.stop()
