"""What happens at N TIME_WAIT? The claims, their live numbers, and what would help here."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from twtop import text
from twtop.explain import Explanation, Truth
from twtop.ui.dialog import Dialog, Page
from twtop.verdicts import Verdict

STYLES = {Truth.FALSE: "$text-error bold", Truth.PARTLY: "$text-warning bold", Truth.TRUE: "$text-success bold"}


class ExplainScreen(Dialog[None]):
    """Of one moment, `time`, whatever goes on below it. Closes with Esc, q, w or Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,w,enter", "dismiss", "close")]

    def __init__(self, explanation: Explanation, verdicts: tuple[Verdict, ...], time: float) -> None:
        super().__init__()
        self._time = time
        self._explanation = explanation
        self._verdicts = verdicts

    def compose(self) -> ComposeResult:
        with Page(f"{self._explanation.title} ── as of {text.clock(self._time)}"):
            for claim in self._explanation.claims:
                yield Static(
                    Content.assemble((f"{claim.truth.upper():<7} ", STYLES[claim.truth]), (claim.claim, "bold"))
                )
                number = Content.styled(claim.number, "$text-accent")
                yield Static(Content("\n").join([number, *map(Content, claim.why)]), classes="body")
            fixes = self._explanation.fixes
            yield Static(Content.styled("What would help here" if fixes else "Nothing is short here", "bold"))
            if fixes:
                told = (
                    Content.assemble(f"{order}. ", (fix.what, "bold"), "\n   ", fix.effect)
                    for order, fix in enumerate(fixes, 1)
                )
                yield Static(Content("\n\n").join(told), classes="body")
            yield Static(Content.styled("The verdicts of the strip", "bold"))
            yield Static(Content("\n\n").join(map(_verdict, self._verdicts)), classes="body")


def _verdict(verdict: Verdict) -> Content:
    name = verdict.id.upper().replace("_", " ")
    return Content.assemble((f"{name}  ", "bold"), verdict.level.upper(), "\n", verdict.text)
