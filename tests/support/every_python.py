"""The suite on every Python that twtop supports and this machine has, and with the newest Textual: `make test-all`.

Each run has a venv of its own below .venvs/, which later runs use again. What is given on the command line goes to
pytest.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests import ROOT

MINORS = range(11, 15)
VENVS = ROOT / ".venvs"
PINNED = "tests/ui/test_screenshots.py"
"""What is drawn to the byte by the versions that the extra `dev` pins, and by no others."""

WORKS = "import ensurepip, sys, venv; print(sys.version_info[1])"


def main(given: list[str]) -> int:
    """Run all; 0 when every run passed."""
    found = {minor: python for minor in MINORS if (python := find_python(minor))}
    missing = [f"3.{minor}" for minor in MINORS if minor not in found]
    print(f"Python {', '.join(f'3.{minor}' for minor in found)} found; not here: {', '.join(missing) or 'none'}")
    results = {}
    for minor, python in found.items():
        results[f"Python 3.{minor}"] = run_suite(environment(f"3.{minor}", python), given)
    newest = environment("newest", found[max(found)])
    pip(newest, "--upgrade", "--upgrade-strategy", "eager", *dependencies())
    print(f"{PINNED} is deselected: it holds only with the versions that pyproject.toml pins")
    results["the newest dependencies"] = run_suite(newest, [*given, f"--deselect={PINNED}"])
    for name, passed in results.items():
        print(f"{'passed' if passed else 'FAILED'} with {name}")
    return 0 if all(results.values()) else 1


def find_python(minor: int) -> str | None:
    """The first interpreter of Python 3.`minor` that works and can make a venv."""
    for candidate in candidates(minor):
        run = subprocess.run([candidate, "-c", WORKS], capture_output=True, text=True, check=False)
        if run.stdout.strip() == str(minor):
            return candidate
    return None


def candidates(minor: int) -> Iterator[str]:
    """From the PATH, then those of pyenv, whose own command on the PATH runs only the versions chosen by the user."""
    if on_path := shutil.which(f"python3.{minor}"):
        yield on_path
    if shutil.which("pyenv"):
        for version in said("pyenv", "versions", "--bare").split():
            if version.startswith(f"3.{minor}."):
                yield str(Path(said("pyenv", "prefix", version)) / "bin" / "python")


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def environment(name: str, python: str) -> Path:
    """The interpreter of a venv with twtop and its tools for tests."""
    folder = VENVS / name
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    pip(interpreter, "--editable", ".[dev]")
    return interpreter


def pip(interpreter: Path, *arguments: str) -> None:
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def dependencies() -> list[str]:
    """What twtop needs, each within its bounds."""
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"])


def run_suite(interpreter: Path, arguments: list[str]) -> bool:
    """Whether all tests pass there."""
    print(f"{said(str(interpreter), '-VV').splitlines()[0]}, Textual {version_of(interpreter, 'textual')}", flush=True)
    command = [str(interpreter), "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == os.EX_OK


def version_of(interpreter: Path, package: str) -> str:
    return said(str(interpreter), "-c", f"import importlib.metadata as found; print(found.version({package!r}))")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
