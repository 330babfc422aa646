"""What the command line is read as, and that whatever else it holds is refused in one line."""

import contextlib
import io
import re
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twtop.cli.arguments import arguments, parser

HOSTILE = """
    -- - --- = 0 -1 -0 1e309 nan inf -inf 1_0 ١٢٣ ² ½ 0x10 1. .5 1e2 3600.001 999999999 1000000000 00000000001 80-2000
    1024-65535 2000-1024 65535-65536 1024- -5-10 port ( ' \\ :: 10.0.0.0/99 age<9s json demo %s
    {0} @file \x00 \x1b[2J \u202e \u2028 \udcff
""".split(" ")
LONG = ["9" * 5000, "0" * 5000 + "1", "-" + "9" * 5000, "a" * 10_000, "日" * 500, "(" * 2000, "not " * 400 + "tw"]

LINE = re.compile(r"twtop: .{1,420} \(see 'twtop --help'\)\n")


def test_the_old_name_of_max_cpu_works_and_is_hidden() -> None:
    assert arguments(["--budget", "5"]).max_cpu == arguments(["--max-cpu", "5"]).max_cpu == 0.05
    assert arguments(["demo", "--budget", "5"]).max_cpu == 0.05
    assert "--max-cpu" in parser().format_help()
    assert "--budget" not in parser().format_help()


@cache
def options() -> list[str]:
    """The options of all subcommands."""
    helps = []
    for command in ([], ["demo"], ["explain"]):
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as told:
            arguments([*command, "--help"])
        helps.append(told.getvalue())
    return sorted(set(re.findall(r"(?<![\w-])--?[a-zA-Z1][a-z-]*", " ".join(helps))))


def refusal(words: list[str]) -> str:
    """The complaint about this command line, empty where it is understood."""
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()) as told:
        status, read = None, None
        try:
            read = arguments(words)
        except SystemExit as end:
            status = end.code
    assert [bool(said.getvalue()), bool(told.getvalue())] == [status == 2, status == 0]
    if read is None:
        return said.getvalue()
    assert 0.1 <= read.delay <= 3600
    assert 0 < read.max_cpu <= 1
    assert read.iterations is None or 1 <= read.iterations <= 999_999_999
    assert [name for name, value in vars(read).items() if isinstance(value, list)] == []
    return ""


HOSTILE_VALUE = st.sampled_from(["", " ", "\n", "\r\n", *HOSTILE, *LONG]) | st.text(max_size=9)
HOSTILE_WORDS = st.deferred(
    lambda: st.one_of(
        HOSTILE_VALUE.map(lambda value: [value]),
        st.sampled_from([["demo"], ["explain"]]),
        st.tuples(st.sampled_from(options()), st.sampled_from(["", "=", " "]), HOSTILE_VALUE).map(
            lambda parts: [parts[0], parts[2]] if parts[1] == " " else ["".join(parts)]
        ),
    )
)


@example(["-1", "--source=--"])
@example(["--ascii\xa0"])
@given(st.lists(HOSTILE_WORDS, min_size=1, max_size=4).map(lambda words: [word for pair in words for word in pair]))
def test_whatever_is_not_understood_is_refused_in_one_line(words: list[str]) -> None:
    said = refusal(words)
    assert not said or LINE.fullmatch(said)
    assert all(each.isprintable() or unicodedata.category(each) == "Zs" for each in said[:-1])


def test_two_dashes_are_no_value_of_any_option() -> None:
    named = options()
    assert {"--filter", "-f", "--ports", "--netns", "-o"} <= set(named)
    for option in named:
        for words in ([f"{option}=--"], [f"{option}--"], ["demo", f"{option}=--"], ["explain", option, "--"]):
            if option not in ("-h", "--help", "-V", "--version"):
                assert LINE.fullmatch(refusal(words)) or option in words  # a switch, and the end of the options


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--filter=--"], "argument -f/--filter: expected one argument, found '--'"),
        (["demo", "--ports", "80-2000"], "argument --ports: expected LOW-HIGH between 1024 and 65535, found '80-2000'"),
        (["-n", "1000000000"], "-n/--iterations: expected a whole number from 1 to 999,999,999, found '1000000000'"),
    ],
)
def test_a_complaint_says_what_is_expected(words: list[str], said: str) -> None:
    assert said in refusal(words)


def test_a_count_may_have_zeros_in_front() -> None:
    assert arguments(["-n", "0000000000012"]).iterations == 12


def test_bad_usage_is_bad_usage_where_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115
    monkeypatch.setattr("sys.stderr", stderr)
    with pytest.raises(SystemExit) as end:
        arguments(["-d", "0"])
    assert end.value.code == 2
    with pytest.raises(OSError, match="No space left"):
        stderr.close()  # the complaint


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["demo", "--help"]])
def test_a_full_disk_is_told_in_one_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(SystemExit) as end:
            arguments(words)
    assert end.value.code == 1
    assert capsys.readouterr().err == "twtop: cannot write the output: No space left on device\n"
