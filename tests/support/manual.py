"""The manual, the completions and the JSON Schema in twtop/share/, made from the program's own tables: `make manual`
writes them."""

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from tests import ROOT
from twtop import __version__
from twtop.cli.arguments import parser
from twtop.demo.scenarios import SCENARIOS
from twtop.report.json_schema import json_schema
from twtop.ui.dialogs.help import FILTERS
from twtop.ui.keys import ALL_KEYS

FOLDER = ROOT / "twtop" / "share"
COMPLETIONS = {
    "bash": "bash-completion/completions/twtop",
    "zsh": "zsh/site-functions/_twtop",
    "fish": "fish/vendor_completions.d/twtop.fish",
}
SCHEMA = Path("twtop/schema/twtop-1.json")
WIDTH = 120
NOT_ASCII = str.maketrans(
    {
        **{"…": "...", "–": r"\(en", "×": r"\(mu", "“": r"\(lq", "”": r"\(rq"},
        **{"↑": r"\(ua", "↓": r"\(da", "⏎": "Enter", "→": r"\(->", "─": "-", "│": "|"},
    }
)
ROFF = NOT_ASCII | str.maketrans({"\\": r"\e", "-": r"\-", "'": r"\(aq"})

INTRODUCTION = """\
twtop shows which sockets are in TIME_WAIT, whose budget of local ports they fill, when that budget will be full or free
again, and whether any of it matters. Each TIME_WAIT carries a timer, so one reading of the socket table holds the last
minute, the present and the next minute.

It only reads: it changes no sysctl, kills no socket and sends no packet. It needs no privileges.

Without a command it is a live monitor; with -b or -1 it prints. With -h or --help, also behind a command, it tells its
options; what it draws is explained by the key ?."""

EXAMPLES = (
    ("twtop", "The monitor, on this machine."),
    ("twtop -f 'port 443 and tw'", "Only TIME_WAIT with port 443 on either side."),
    ("twtop explain", "The common claims about TIME_WAIT against this machine's own numbers."),
    ("twtop -1 -o json | jq .time_wait.count", "One reading for a script."),
    ("twtop -b -n 60 -o csv > run.csv", "A minute of a load test, a row a second and peer."),
    ("twtop demo client-closes", "A real load in a private network namespace that fills a port range."),
)

SEE_ALSO = ("ss (8),", "netstat (8),", "tcp (7),", "network_namespaces (7)")
STATUSES = (
    ("0", "Done."),
    ("1", "The kernel could not be read, or the output not be written; one line on stderr says why."),
    ("2", "Bad usage; one line on stderr says what to do."),
    ("128 + n", "The signal n ended it."),
)


def files() -> dict[Path, str]:
    """Path below twtop/share/ → text."""
    made = {Path(path): completion(shell) for shell, path in COMPLETIONS.items()}
    made[SCHEMA] = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    return {Path("man/man1/twtop.1"): "\n".join(manual()) + "\n", **made}


def completion(shell: str) -> str:
    return str(shtab.complete(parser(), shell=shell)).rstrip() + "\n"


def manual() -> Iterator[str]:
    """The parts of the man page in man(7)'s macros: options and commands by argparse-manpage, the rest from tables."""
    made = _by_argparse_manpage()
    options = made["OPTIONS"]
    (commands,) = (text for text in made.values() if ".SS" in text)
    yield f'.TH TWTOP 1 "" "twtop {__version__}" "User Commands"'
    yield from (".SH NAME", roff("twtop - top for TIME_WAIT"), ".SH SYNOPSIS")
    for name, arguments in (("twtop", "[OPTION]..."), ("twtop explain", "[OPTION]..."), ("twtop demo", "[SCENARIO]")):
        yield from (".SY " + f'"{roff(name)}"', roff(arguments), ".YS")
    yield from (".SH DESCRIPTION", *(roff(line) if line else ".PP" for line in INTRODUCTION.splitlines()))
    yield from (".SH OPTIONS", options.translate(NOT_ASCII))
    yield from (".SH COMMANDS", "A command takes the options above too, where they make sense, and those of its own.")
    yield _own_options(commands, options).translate(NOT_ASCII)
    yield from (".SH SCENARIOS", "Loads of the demo, by name.")
    yield from _pairs((scenario.name, scenario.shows) for scenario in SCENARIOS)
    yield ".SH KEYS"
    yield from _pairs((key.cap, key.help) for key in ALL_KEYS)
    yield ".SH FILTERS"
    yield from _pairs((re.sub(r"   +", ", ", example), meaning) for example, meaning in FILTERS)
    yield from (".SH EXIT STATUS", *_pairs(STATUSES))
    yield from (".SH ENVIRONMENT", *_pairs([("NO_COLOR", "Any value: draw without colours.")]))
    yield from (".SH FILES", *_pairs([("~/.config/twtop/theme", "The theme that was chosen last in the palette.")]))
    yield from (".SH EXAMPLES", *_pairs(EXAMPLES))
    yield from (".SH SEE ALSO", *(f".BR {page}" for page in SEE_ALSO))


def _by_argparse_manpage() -> dict[str, str]:
    """Heading → text of the sections that argparse-manpage makes of the command line, without blank lines."""
    top = parser()
    top.formatter_class = partial(argparse.HelpFormatter, width=WIDTH)
    page = str(Manpage(top, format="single-commands-section"))
    _, *parts = re.split(r"^\.SH\s+(.*)\n", re.sub(r"\n{2,}", "\n", page), flags=re.MULTILINE)
    return {heading: text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def _own_options(commands: str, options: str) -> str:
    """The commands without their usage and without what OPTIONS says of all of them.

    >>> _own_options(".SS demo\\nusage: twtop demo [-b]\\n   [-x]\\noptions:\\n.TP\\n-b\\n.TP\\n-x", ".TP\\n-b")
    '.SS demo\\n.TP\\n-x'
    """
    without_usage = re.sub(r"^usage:.*\n(?:[ ].*\n)*", "", commands, flags=re.MULTILINE)
    flat = re.sub(r"^(?:\.RS.*|\.RE|[a-z]+:)\n?", "", without_usage, flags=re.MULTILINE)
    said = set(_paragraphs(options))
    return "\n".join(paragraph for paragraph in _paragraphs(flat) if paragraph not in said)


def _paragraphs(text: str) -> list[str]:
    return re.split(r"\n(?=\.(?:TP|SS))", text.strip())


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in pairs:
        yield from (".TP", f".B {roff(term)}", roff(meaning))


def roff(text: str) -> str:
    """Text that roff prints as it is.

    >>> roff(".so -1 “x”")
    '\\\\&.so \\\\-1 \\\\(lqx\\\\(rq'
    """
    escaped = text.translate(ROFF)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def main() -> None:
    for path, text in files().items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
