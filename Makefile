# make run    set everything up, boot, and run the host's /bin/sh in it
# make ready  set everything up
# make test   set everything up and pass all tests
# make coverage  the same as make test COVERAGE=1: which lines and branches of the sources the tests reach, too
# make check  formatting, lint, types, layers
# make generate   rewrite what is derived from declarations
# make compile  compile the sources with mypyc: four minutes or five; what the kernel does then costs a fifth to a half
# make test-compiled  compile, and pass the tests that can tell the two builds apart
# make wheel  an sdist, a pure wheel, and a compiled one, in dist/
# make release-check  install sdist and wheels with every Python there is, 3.11 to 3.14, and use them; CHECK="--debian --aarch64" for more
# make bench  speed, beside the host's own figures
# make fuzz   N random process programs on the host and inside
# make soak   the long runs of every kind: random programs, hostile guests, faults on purpose, repetition, CPython's tests (hours)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: ready run test test-compiled coverage check release-check compile wheel generate bench fuzz soak clean

ready: $(READY)

run: $(READY)
	$(BIN)/procession run -- /bin/sh -c 'echo "pid $$$$ on $$(uname -sr)"; (sleep 2; echo "two seconds later") & \
	  sleep 1 & ls /etc | sort -r | head -3; wait; echo "all done, status $$?"'
	@$(BIN)/procession --version

test: $(READY)
	$(BIN)/python -m tests.packages
	$(BIN)/python $(if $(COVERAGE),-m slipcover --json --out .coverage.json) -m pytest -n $(WORKERS) --dist worksteal -q
	$(if $(COVERAGE),$(BIN)/python -m slipcover --merge .coverage.json --out .coverage.json --skip-covered --fail-under $(COVERED))

# As many as there are CPUs; each takes over what others have not come to.
WORKERS := auto
COVERED := 97
coverage: COVERAGE = 1
coverage: test

compile: $(READY)
	$(BIN)/python scripts/compile.py $(if $(ZIG),--zig)

test-compiled: compile
	$(BIN)/python -m tests.packages
	PROCESSION_PURE=0 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

wheel: $(READY)
	$(BIN)/python scripts/wheel.py

release-check: $(READY)
	$(BIN)/python scripts/release_check.py $(CHECK)

check: $(READY)
	$(BIN)/ruff format --check src scripts
	$(BIN)/ruff check src tests bench examples fuzz scripts hatch_build.py
	$(BIN)/mypy
	$(BIN)/lint-imports

generate: export PROCESSION_PURE = 1
generate: $(READY)
	$(BIN)/python scripts/structs.py
	$(BIN)/python scripts/tracepoints.py
	$(BIN)/python scripts/python_constants.py
	$(BIN)/python scripts/python_calls.py
	$(BIN)/python tests/test_docs.py
	$(BIN)/python scripts/manpage.py

bench: $(READY)
	$(BIN)/python -m bench

N ?= 2000
fuzz: $(READY)
	$(BIN)/python -m fuzz $(N)

SHARE ?= 1
soak: $(READY)
	$(BIN)/python -m fuzz.soak --share $(SHARE)

clean:
	rm -rf $(VENV) .venv-* build dist src/procession/_compiled .packages .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e . --group dev
# As pip does for what it copies: the first command is as fast as the second.
	$(BIN)/python -m compileall -q src
	touch $(READY)
