"""How many faults of the code the unit tests notice: `make mutants`, with ARGS="filter timer_wheel" for some modules.

pytest collects the tests once. Each fault gets a fork of that process, which puts the faulty code into the function and
runs the tests that call it, the fastest first, until one fails. The tests of a module are its doctests and the files of
tests/unit that mirror it. Those that take longer than half a second are left out.

What no test can notice stands in tests/equivalent_mutants.toml, with the reason.
"""

import contextlib
import fnmatch
import importlib
import inspect
import itertools
import os
import pickle
import resource
import signal
import sys
import time
import tomllib
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from cProfile import Profile
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import TypeVar

import pytest
from _pytest.runner import runtestprotocol

from tests import ROOT
from tests.support.mutations import Mutation, mutations

CONFIGURED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["twtop-mutants"]
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.toml"
ENOUGH = 0.95
LONGEST_TEST_S, LONGEST_TESTS_S = 0.5, 2.0
"""Tests that take more CPU time are left out: one alone, or together with the faster ones that call the function."""

MOST_CPU_S, MOST_S = 8, 60
"""CPU and other time after which a fault is taken to keep its tests from ending, which is noticed too."""

MOST_MEMORY = 4 << 30

SURVIVED, BROKEN, FIRST, NO_END = 0, 1, 2, 255
"""How the process of a fault exits: no test failed, the fault cannot be tried, the first test failed, or none ended."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """How a test went on the code as it is: whether it passed, its CPU time, and the functions that it called."""

    passed: bool
    cpu_s: float
    called: frozenset[tuple[str, str]]


def main(given: list[str]) -> int:
    """Print a table of the modules and what survived; 0 when enough was noticed in each of them."""
    paths = [path for path in _paths() if not given or any(part in path for part in given)]
    if not paths:
        print(f"no module has {' or '.join(given)} in its name", file=sys.stderr)
        return 2
    tests = sorted({each for path in paths for each in _tests_of(path)})
    session = Session(paths)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a fork would not have the other threads
    options = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    failed = pytest.main([*options, "--hypothesis-profile", "mutants", *tests], plugins=[session])
    return int(failed) or session.report()


def _paths() -> list[str]:
    modules = (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "twtop").rglob("*.py")))
    return [path for path in modules if any(fnmatch.fnmatch(path, each) for each in CONFIGURED["modules"])]


def _tests_of(path: str) -> list[str]:
    """Where the tests of a module are: its doctests, the files that mirror it, and those that are configured."""
    folder, stem = Path("tests/unit") / Path(path).relative_to("twtop").parent, Path(path).stem
    mirrors = sorted(each.relative_to(ROOT).as_posix() for each in (ROOT / folder).glob(f"test_{stem}*.py"))
    return [path, *mirrors, *CONFIGURED["tests"].get(path, [])]


class Session:
    """The pytest plugin that runs the tests on each fault, instead of once."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._mutations = {path: mutations((ROOT / path).read_text()) for path in paths}
        self._survived: dict[str, list[Mutation]] = defaultdict(list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings  # pytest warns when its plugins are imported before it

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile(
            "mutants", deadline=None, derandomize=True, database=None, max_examples=10, phases=phases
        )

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items, started = session.items, time.monotonic()
        runs = _in_fork(lambda: _runs(items, {str(ROOT / path) for path in self._paths}))
        if failed := [item.nodeid for item, run in zip(items, runs, strict=True) if not run.passed]:
            raise pytest.UsageError(f"these fail without a fault: {', '.join(failed)}")
        tried = [(path, mutation) for path in self._paths for mutation in self._mutations[path]]
        for done, (path, mutation, killed) in enumerate(Trials(items, runs).judge(tried), 1):
            if not killed:
                self._survived[path].append(mutation)
                print(f"{path}:{mutation.line} survived: {mutation.key}", flush=True)
            if done % 100 == 0:
                print(f"{done} of {len(tried)} in {time.monotonic() - started:.0f} s", flush=True)
        return True

    def report(self) -> int:
        """Print each survivor that is not known to be equivalent, then a table; 0 when every module has few of them."""
        equivalent = tomllib.loads(EQUIVALENT.read_text())
        table = []
        for path in self._paths:
            known = equivalent.get(path, {})
            survived = [each for each in self._survived[path] if each.key not in known]
            all_, same = len(self._mutations[path]), len(self._survived[path]) - len(survived)
            share = 1 - len(survived) / max(all_ - same, 1)
            table.append((path, all_, all_ - same - len(survived), same, survived, share))
            for key in known.keys() - {each.key for each in self._survived[path]}:
                print(f"{path}: killed or gone, but listed as equivalent: {key}")
        for path, _, _, _, survived, _ in table:
            for each in sorted(survived, key=lambda each: each.line):
                print(f"{path}:{each.line} {each.function}\n    {each.old}\n    {each.new}")
        print(f"\n{'module':44}{'mutants':>9}{'killed':>9}{'equivalent':>12}{'survived':>10}{'share':>9}")
        for path, count, killed, same, survived, share in table:
            print(f"{path:44}{count:9}{killed:9}{same:12}{len(survived):10}{share:9.1%}")
        return int(any(share < ENOUGH for *_, share in table))


def _runs(items: list[pytest.Item], paths: set[str]) -> list[Run]:
    """Run each test on the code as it is, in this process."""
    signal.signal(signal.SIGPROF, _too_long)
    return [_run(item, paths) for item in items]


def _run(item: pytest.Item, paths: set[str]) -> Run:
    begun, profile, reports = time.process_time(), Profile(builtins=False), []
    with contextlib.suppress(TooLongError):  # which may come until the timer is off
        signal.setitimer(signal.ITIMER_PROF, 1.2 * LONGEST_TEST_S)
        profile.enable()
        try:
            reports = runtestprotocol(item, log=False)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    profile.disable()
    cpu_s = time.process_time() - begun
    codes = (entry.code for entry in profile.getstats() if isinstance(entry.code, CodeType))
    called = frozenset((code.co_filename, code.co_qualname) for code in codes if code.co_filename in paths)
    return Run(cpu_s >= LONGEST_TEST_S or not any(report.failed for report in reports), cpu_s, called)


class TooLongError(BaseException):
    """A test takes longer than LONGEST_TEST_S."""


def _too_long(*_: object) -> None:
    raise TooLongError


def _in_fork(work: Callable[[], T]) -> T:
    """What `work` returns, done in a fork: it leaves nothing behind in this process."""
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        try:
            with os.fdopen(writing, "wb") as end:
                pickle.dump(work(), end)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as end:
        answer = end.read()
    os.waitpid(pid, 0)
    result: T = pickle.loads(answer)
    return result


class Trials:
    """Runs the tests on faults, as many at a time as there are processors."""

    def __init__(self, items: list[pytest.Item], runs: list[Run]) -> None:
        self._items, self._runs = items, runs
        self._noticed: Counter[tuple[str, str, int]] = Counter()
        """How many faults of a function, by path and qualified name, a test was the first to notice."""

    def judge(self, tried: list[tuple[str, Mutation]]) -> Iterator[tuple[str, Mutation, bool]]:
        """Each fault, and whether a test noticed it."""
        waiting, running = iter(tried), {}
        while True:
            for path, mutation in waiting:
                tests = self._tests(path, mutation)
                if not tests:
                    yield path, mutation, False
                    continue
                running[_fork(path, mutation, [self._items[at] for at in tests])] = path, mutation, tests
                if len(running) >= (os.cpu_count() or 1):
                    break
            if not running:
                return
            pid, status = os.wait()
            path, mutation, tests = running.pop(pid)
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else NO_END
            if code == BROKEN:
                raise pytest.UsageError(f"{path}: cannot be tried: {mutation.key}")
            if FIRST <= code < FIRST + len(tests):
                self._noticed[path, mutation.function, tests[code - FIRST]] += 1
            yield path, mutation, code != SURVIVED

    def _is_in_a_child(self, at: int) -> bool:
        """Tests in a namespace of their own run in a fork, so nothing tells which functions they call."""
        return self._items[at].get_closest_marker("kernel") is not None

    def _tests(self, path: str, mutation: Mutation) -> list[int]:
        """The module's tests that call the function: first what noticed more of its faults, then the fastest."""
        where, function = _tests_of(path), (str(ROOT / path), mutation.function)
        rated = [
            (run.cpu_s, at)
            for at, run in enumerate(self._runs)
            if self._items[at].nodeid.split("::")[0] in where
            and ((run.cpu_s <= LONGEST_TEST_S and function in run.called) or self._is_in_a_child(at))
        ]
        rated.sort()
        spent = itertools.accumulate(cpu_s for cpu_s, _ in rated)
        chosen = [at for (_, at), so_far in zip(rated, spent, strict=True) if so_far <= LONGEST_TESTS_S]
        return sorted(chosen, key=lambda at: -self._noticed[path, mutation.function, at])


def _fork(path: str, mutation: Mutation, tests: list[pytest.Item]) -> int:
    """Run the tests on the fault in a process of its own. Its status is SURVIVED, or FIRST and the number of the test
    that fails."""
    if pid := os.fork():
        return pid
    status = BROKEN
    try:
        signal.alarm(MOST_S)
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        _function(path, mutation.function).__code__ = mutation.code(str(ROOT / path))
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        status = NO_END
        failed = (any(report.failed for report in runtestprotocol(item, log=False)) for item in tests)
        number = next((number for number, fails in enumerate(failed) if fails), None)
        status = SURVIVED if number is None else min(FIRST + number, NO_END)
    except BaseException:
        if status == BROKEN:
            traceback.print_exc()
    finally:
        os._exit(status)


def _function(path: str, qualified: str) -> FunctionType:
    """The function that has this qualified name in a module, without what decorates it."""
    found: object = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    for name in qualified.split("."):
        found = inspect.getattr_static(found, name)
        found = getattr(found, "fget", None) or getattr(found, "func", found)
        found = getattr(found, "__func__", found)
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    assert isinstance(found, FunctionType), qualified
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
