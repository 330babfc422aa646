# make run ARGS="-f 443"    make test ARGS="-k wheel"
PYTHON ?= python3
ARGS ?=
PYTEST = -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run test test-fast test-slow test-all coverage fuzz soak mutants lint screenshots manual bench bench-million clean
.SILENT:
.NOTPARALLEL:  # twtop owns the terminal, pip owns .venv

run: .venv/.run
	exec .venv/bin/twtop $(ARGS)

test: lint
	.venv/bin/python -m pytest $(PYTEST) -m "not long" $(ARGS)

# The code of every room, with fewer drawn examples, and every scene as pictured; the rest is for `make test`.
test-fast: lint
	.venv/bin/python -m pytest -n 2 --dist worksteal -m 'not slow' --hypothesis-profile fast \
		twtop tests/unit tests/ui/test_screenshots.py $(ARGS)

# Also the loads of minutes, which `make test` leaves out.
test-slow: .venv/.dev
	.venv/bin/python -m pytest $(PYTEST) -m slow $(ARGS)

# On each Python from 3.11 to 3.14 that is here, and with the newest Textual that pyproject.toml allows.
test-all: lint
	exec .venv/bin/python -m tests.support.every_python $(PYTEST) -m "not long" $(ARGS)

# Which lines the tests run, child processes counted: no module below 90 %. Slower than `make test`.
coverage: .venv/.dev
	exec .venv/bin/python -m tests.support.coverage_by_module $(PYTEST) -m "not long" $(ARGS)

# Bytes that no kernel would send: 10 minutes unless ARGS="--minutes 1"; ARGS="--seed 7" repeats a run.
fuzz: .venv/.fuzz
	exec .venv/bin/python -m tests.fuzz $(ARGS)

# The monitor at 300,000 sockets: an hour unless ARGS="--minutes 15"; ARGS="--seed 7" repeats what the user does.
soak: .venv/.dev
	exec .venv/bin/python -m tests.soak $(ARGS)

lint: .venv/.dev
	.venv/bin/ruff check -q
	.venv/bin/ruff format -q --check
	.venv/bin/mypy --no-error-summary
	$(call quiet,.venv/bin/lint-imports --no-logo --no-cache)

screenshots: .venv/.dev
	exec .venv/bin/python -m tests.support.screenshots

manual: .venv/.dev
	exec .venv/bin/python -m tests.support.manual

# What the unit tests notice of small faults in the code: of all modules listed in pyproject.toml, or of ARGS="filter rates".
mutants: .venv/.dev
	exec .venv/bin/python -m tests.support.mutants $(ARGS)

bench: .venv/.dev
	exec .venv/bin/python -m tests.benchmarks $(ARGS)

bench-million: .venv/.dev
	exec .venv/bin/python -m tests.benchmarks $(ARGS) 100000 1000000

clean:
	rm -rf .venv .venvs .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

# Says nothing unless it fails; Ctrl-C ends the shell too, so that it leaves no traceback.
quiet = log=$$($(1) 2>&1) || { printf '%s\n' "$$log" >&2; exit 1; }

# A .venv is whole while its interpreter finds this checkout: no more once that Python went away or was
# upgraded, or the checkout moved.
found := $(shell .venv/bin/python -I -c 'from importlib.util import find_spec; print(find_spec("twtop").origin)' 2>/dev/null)
ifneq ($(found),$(CURDIR)/twtop/__init__.py)
.PHONY: .venv/.run
endif

.venv/.run: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'twtop needs Python 3.11 or newer: apt-get install python3 python3-venv, or make PYTHON=...' >&2; exit 1; }
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'twtop needs the venv module of Python: apt-get install python3-venv' >&2; exit 1; }
	echo 'Setting up .venv, once ...' >&2
	$(call quiet,$(PYTHON) -m venv --clear .venv)
	$(call quiet,.venv/bin/python -m pip install --no-compile -e .)
	touch $@

.venv/.dev: .venv/.run
	echo 'Adding the tools for tests to .venv, once ...' >&2
	$(call quiet,.venv/bin/python -m pip install -e '.[dev]')
	touch $@

.venv/.fuzz: .venv/.dev
	echo 'Adding the fuzzing engine to .venv, once ...' >&2
	$(call quiet,.venv/bin/python -m pip install -e '.[fuzz]')
	touch $@
