"""The house stands: imports point one way, and only `ui` knows the toolkit that draws."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests import ROOT

PACKAGE = ROOT / "twtop"

BASE = {"__init__", "model", "factorize", "text"}
ANALYSIS = BASE | {
    *("destinations", "directions", "port_space", "portmap", "ports", "exhaustion", "rates", "bind_first", "timers"),
    *("past", "peaks", "outlook", "close_wait"),
    *("groups", "ordering", "scarcest", "costs", "verdicts", "query", "query_parser"),
}
FRAME = ANALYSIS | {"analysis", "frame", "selection", "baseline", "flow", "history"}
SOURCE = {
    "model",
    "probe",
    "decode",
    "psutil_source",
    "processes",
    "process_detail",
    "owners",
    "sources",
    "netns",
    "netns_listing",
}
SOURCE |= {"sampler", "holders"}

# What a module of twtop may import of twtop, lowest first. A package has one row, and is free within.
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "probe": set(),
    "model": set(),
    "factorize": {"model"},
    "text": {"model"},
    "socket_table": {"model", "factorize"},
    "decode_procfs": {"model", "probe", "socket_table"},
    "psutil_source": {"model", "probe", "socket_table"},
    "decode": {"model", "probe", "socket_table", "decode_procfs", "psutil_source"},
    "netns": BASE | {"namespace", "probe"},
    "netns_listing": BASE | {"netns", "probe", "processes"},
    "holders": BASE,
    "processes": BASE | {"holders"},
    "process_detail": BASE | {"processes"},
    "owners": BASE | {"holders"},
    "sources": SOURCE,
    "port_space": BASE,
    "timers": BASE,
    "directions": BASE | {"port_space"},
    "destinations": ANALYSIS,
    "past": ANALYSIS,
    "rates": ANALYSIS,
    "outlook": ANALYSIS,
    "peaks": ANALYSIS,
    "exhaustion": ANALYSIS,
    "bind_first": ANALYSIS,
    "groups": ANALYSIS,
    "ports": ANALYSIS,
    "verdicts": ANALYSIS,
    "query": ANALYSIS,
    "query_parser": ANALYSIS,
    "ordering": ANALYSIS,
    "scarcest": ANALYSIS,
    "costs": ANALYSIS,
    "close_wait": ANALYSIS,
    "portmap": ANALYSIS,
    "analysis": ANALYSIS,
    "frame": ANALYSIS,
    "selection": ANALYSIS | {"analysis", "frame"},
    "baseline": ANALYSIS | {"analysis", "frame", "selection"},
    "flow": ANALYSIS,
    "history": FRAME,
    "fixes": FRAME,
    "explain": FRAME | {"fixes", "process_detail"},
    "pushdown": ANALYSIS | {"analysis", "probe"},
    "sampler": ANALYSIS | SOURCE | {"analysis", "pushdown"},
    "engine": FRAME | SOURCE,
    "document": FRAME,
    "report": FRAME | {"document"},
    "head_start": FRAME | {"engine"},
    "allocator": set(),
    "namespace": set(),
    "load": set(),
    "scenarios": {"load", "namespace"},
    "demo": {"namespace", "load", "scenarios", "probe", "sources"},
    "arguments": FRAME | {"document", "report", "sampler", "scenarios", "sources"},
    "ui": FRAME
    | {"netns_listing", "engine", "explain", "fixes", "document", "report", "owners", "process_detail"}
    | {"allocator"},
    "cli": FRAME
    | SOURCE
    | {
        "engine",
        "head_start",
        "allocator",
        "document",
        "report",
        "explain",
        "namespace",
        "scenarios",
        "demo",
        "arguments",
        "ui",
    },
    "__main__": {"cli"},
}

# Who may import what is neither of twtop nor of the standard library.
USERS: dict[str, set[str]] = {
    "lark": {"query", "query_parser"},
    "numpy": set(MAY_IMPORT) - {"__init__", "__main__", "probe"},
    "platformdirs": {"ui"},
    "plotext": {"ui"},
    "psutil": {"process_detail", "psutil_source"},
    "rich": {"ui"},
    "textual": {"ui"},
}


@dataclass(frozen=True, slots=True)
class Import:
    """`importer` names `target` in line `line`; both are dotted names from the top."""

    importer: str
    line: int
    target: str


def modules(package: Path) -> dict[str, Path]:
    """Dotted name → file, of every module under the folder of a package."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path) -> Iterator[Import]:
    """Every import statement at any depth of any module, each resolved to the module that it names."""
    known = modules(package)
    for importer, path in known.items():
        own = importer.split(".") if path.name == "__init__.py" else importer.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(importer, node.lineno, alias.name)
            elif isinstance(node, ast.ImportFrom):
                above = own[: len(own) - node.level + 1] if node.level else []
                origin = ".".join([*above, *filter(None, [node.module])])
                for alias in node.names:
                    submodule = f"{origin}.{alias.name}"
                    yield Import(importer, node.lineno, submodule if submodule in known else origin)


def row(module: str) -> str:
    """The row of the table that a module of twtop is in.

    >>> row("twtop"), row("twtop.ports"), row("twtop.ui.widgets.header")
    ('__init__', 'ports', 'ui')
    """
    return module.split(".")[1] if "." in module else "__init__"


def complaints(package: Path) -> list[str]:
    """A line for each import that points the wrong way and for each module that has no row."""
    strangers = {row(module) for module in modules(package)} - set(MAY_IMPORT)
    found = [f"{name}: not in tests/test_layering.py: give it a row in MAY_IMPORT" for name in sorted(strangers)]
    for each in imports(package):
        importer, top = row(each.importer), each.target.split(".")[0]
        if importer in strangers:
            continue
        if top == package.name:
            target = row(each.target)
            allowed = target == importer or target in MAY_IMPORT[importer]
        else:
            target = top
            allowed = top in sys.stdlib_module_names or importer in USERS.get(top, set())
        if not allowed:
            found.append(f"{each.importer}:{each.line}: {importer} may not import {target}")
    return list(dict.fromkeys(found))


def cycle(package: Path) -> list[str]:
    """Modules that import each other in a ring, or nothing."""
    graph: dict[str, set[str]] = {module: set() for module in modules(package)}
    for each in imports(package):
        if each.target in graph:
            graph[each.importer].add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_point_one_way() -> None:
    found = complaints(PACKAGE)
    assert not found, "\n".join(found)


def test_no_module_imports_itself_by_a_detour() -> None:
    assert cycle(PACKAGE) == []


def house(folder: Path, **sources: str) -> Path:
    """A small package `twtop`; `a__b="…"` is the text of a/b.py."""
    empty = dict.fromkeys(["__init__", "probe", "model", "ports", "cli", "ui____init__", "ui__app", "ui__rows"], "")
    for name, text in (empty | sources).items():
        path = folder / "twtop" / f"{name.replace('__', '/', 1) if name.startswith('ui') else name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "twtop"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("cli", "import os\nimport numpy as np\nfrom twtop import model, ui\nimport twtop.probe", None),
        ("ui__app", "import textual.app\nfrom . import rows\nfrom .rows import x\nfrom ..model import y", None),
        ("ui____init__", "from . import rows\nfrom .app import App", None),
        ("model", "import twtop.cli", "twtop.model:1: model may not import cli"),
        ("model", "import os, twtop.ports as p", "twtop.model:1: model may not import ports"),
        ("model", "from twtop import ports", "twtop.model:1: model may not import ports"),
        ("model", "from twtop import __version__", "twtop.model:1: model may not import __init__"),
        ("model", "from . import ports", "twtop.model:1: model may not import ports"),
        ("model", "\nfrom .ports import x", "twtop.model:2: model may not import ports"),
        ("ports", "def f():\n    from twtop.ui.rows import x", "twtop.ports:2: ports may not import ui"),
        ("ports", "if TYPE_CHECKING:\n    from .ui import app", "twtop.ports:2: ports may not import ui"),
        ("ports", "import rich.text", "twtop.ports:1: ports may not import rich"),
        ("ui__app", "from ..probe import x", "twtop.ui.app:1: ui may not import probe"),
        ("ui____init__", "from .. import probe", "twtop.ui:1: ui may not import probe"),
        ("ui__app", "import psutil", "twtop.ui.app:1: ui may not import psutil"),
        ("probe", "import numpy", "twtop.probe:1: probe may not import numpy"),
        ("cli", "import requests", "twtop.cli:1: cli may not import requests"),
        ("gadget", "import twtop.cli", "gadget: not in tests/test_layering.py: give it a row in MAY_IMPORT"),
    ],
)
def test_the_finder_finds(tmp_path: Path, name: str, text: str, complaint: str | None) -> None:
    assert complaints(house(tmp_path, **{name: text})) == ([complaint] if complaint else [])


def test_the_finder_finds_rings(tmp_path: Path) -> None:
    assert cycle(house(tmp_path, ui__app="from .rows import x", cli="from twtop.ui import app")) == []
    ring = cycle(house(tmp_path, ui__app="from .rows import x", ui__rows="def f():\n    import twtop.ui.app"))
    assert set(ring) == {"twtop.ui.app", "twtop.ui.rows"}


@pytest.mark.parametrize("arguments", [["-m", "twtop", "-1"], ["-c", "import twtop.cli, twtop.report"]])
def test_a_single_report_loads_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", *arguments]
    run = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert run.returncode == os.EX_OK, run.stderr.splitlines()[-1]
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    assert "twtop.cli" in loaded
    assert loaded & {"plotext", "psutil", "rich", "textual"} == set()
