# Two commands do everything on a fresh machine with Python >= 3.11 and make:
#   make demo     set up, run the demonstration, serve its pages
#   make test     set up, install what the service tests need (apt-get, root), run all tests
# For developers: make check = lint, types, contracts, tests, docs.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast check lint format types contracts docs reference kernels lock services peers fuzz clean faults

help:
	@echo "make demo | test | test-fast | check | lint | format | types | contracts | docs | reference | install | lock | peers | fuzz | clean | faults"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml tools/make-venv
	@tools/make-venv $(VENV)
	@touch $@

demo: $(STAMP)
	$(BIN)/wattmark demo $(DEMO)

services:
	@tools/system-packages

# One process compiles what the workers of a test run then find; each of them would do it for itself.
kernels: $(STAMP)
	@PYTHONPATH=tests $(BIN)/python -m reference.warm

test: kernels services
	$(PYTEST) $(TESTS)

test-fast: kernels
	$(PYTEST) -m "not slow and not service" $(TESTS)

check: lint types contracts test docs

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

docs: $(STAMP)
	$(PYTEST) -q tests/test_docs.py tests/test_tidy.py

# A million faults of disk, network and clock, for the night; FAULTS=100000 SEED=2 for less and others.
faults: $(STAMP)
	PYTHONPATH=tests $(BIN)/python -m wattmark.simulation.faults --faults $(or $(FAULTS),1000000) --seed $(or $(SEED),1) --oracle reference.state_machine:Model

# The tables of docs/reference/ are made from the code; tests/test_docs.py compares them.
reference: $(STAMP)
	$(BIN)/python tools/reference.py

# The lock holds versions and hashes, never addresses: every machine uses the index it is set up with.
lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 --no-header --no-annotate --quiet --upgrade --output-file requirements.lock

# Other people's matching engines, for `wattmark bench` only.
peers: $(STAMP)
	$(BIN)/python -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install --quiet cython-orderbook==0.1.2 lightmatchingengine==2019.1.4 obook==0.1.0 order-matching==0.12.0 orderly-chaos==0.2.0 'pandera[polars]' pymarket==0.7.6 pyorderbook==0.4.9 assume-framework==0.6.0

# Coverage-guided fuzzing: a million inputs per target, or e.g. FUZZ="--group tiles --seconds 60". Findings: build/fuzz.
fuzz: $(STAMP)
	@$(BIN)/python -m pip install --quiet --no-deps --only-binary :all: --target $(VENV)-fuzz --upgrade atheris==3.0.0 \
	  || { echo "skipped: no atheris 3.0.0 for this Python and system"; exit 0; } \
	  && PYTHONPATH=$(VENV)-fuzz $(BIN)/python tools/fuzz.py coverage $(FUZZ)

clean:
	rm -rf $(VENV) $(VENV)-peers $(VENV)-fuzz build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -prune -exec rm -rf {} +
