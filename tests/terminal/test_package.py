"""What a user installs is whole: sdist → wheel → an empty venv → `twtop -1`."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests import ROOT
from tests.support import manual


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == os.EX_OK, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made from the sdist, so that both are proved; with the backend at hand, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (sdist,) = folder.iterdir()
    offline = ["--no-build-isolation", "--no-deps", "--no-index"]
    run(sys.executable, "-m", "pip", "wheel", *offline, "-w", folder, sdist, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


def test_wheel_carries_the_tree(wheel: Path) -> None:
    tree = {path for path in (ROOT / "twtop").rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    assert {".py", ".lark", ".tcss"} <= {path.suffix for path in tree}
    carried = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert carried == {path.relative_to(ROOT).as_posix() for path in tree if not path.is_relative_to(manual.FOLDER)}
    data = {name.partition(".data/data/")[2] for name in ZipFile(wheel).namelist() if ".data/" in name}
    assert data == {f"share/{path.as_posix()}" for path in manual.files()}


def test_wheel_runs_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    # Dependencies are borrowed; a .pth file found that way is not read, so twtop itself is not.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    assert run(home / "bin" / "twtop", "-1", cwd=tmp_path).strip()
    assert all((home / "share" / path).read_text("utf-8") == text for path, text in manual.files().items())
