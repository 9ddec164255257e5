# Everything here sets itself up: a machine with Python 3.11+ and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test check bench fuzz fuzz-atheris dev docs lock test-long test-redis clean

run: $(READY)  ## embedded store, gateway, simulated chargers and partner, live in the terminal
	$(BIN)/gateway demo

test: $(READY)  ## every test but the long suites, on all cores (four at most)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

check: $(READY)  ## lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

FRAMES ?= 1000000
fuzz: $(READY)  ## FRAMES= mutated frames on real sockets: nobody is lost, nothing fails, memory flat
	$(BIN)/python -m bench.fuzz --frames $(FRAMES)

fuzz-atheris: $(READY)  ## the frame reader under a coverage-guided fuzzer (Linux on x86-64)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	$(BIN)/python -m bench.fuzz.atheris_frames -runs=$(FRAMES)

bench: $(READY)  ## CPU and memory as ratios to a floor measured in the same run
	$(BIN)/python -m bench
	$(BIN)/python -m bench.lists
	$(BIN)/python -m bench.outage
	$(BIN)/python -m bench.pricing

test-long: $(READY)  ## the suites that take longer than anyone waits for
	$(BIN)/python -m pytest -m long

test-redis: $(READY)  ## all tests, or those of TESTS=, on an installed redis-server instead of the embedded Valkey
	@command -v redis-server >/dev/null || { echo "redis-server is not installed" >&2; exit 1; }
	GATEWAY_TEST_STORE_SERVER=$$(command -v redis-server) $(BIN)/python -m pytest $(TESTS)

docs: $(READY)  ## the pages that are made from the code: messages, conformance, rules
	$(BIN)/python -m gateway.ocpp.message_table > docs/ocpp-messages.md
	$(BIN)/python tests/conformance/page.py

dev: $(READY)  ## a shell-ready environment: source .venv/bin/activate

lock: $(READY)  ## resolve pyproject.toml anew into the hashed lock file, which names no index host
	$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --extra dev \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--output-file requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
