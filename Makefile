# make demo    rehearse the launch of the demo app: naive is NO-GO, hardened is GO
# make test    all tests;  make lint, make types: the checks of the code itself
# make seeds, make protections    the verdicts over ten seeds (45 min), and without each protection (4 min)
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo seeds protections test lint types clean

demo: $(READY)
	$(BIN)/python -m brownout.suites.demo_run

seeds: $(READY)
	$(BIN)/python -m brownout.suites.demo_run seeds 10

protections: $(READY)
	$(BIN)/python -m brownout.suites.demo_run protections

test: $(READY) lint types
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)
	$(BIN)/mypy

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "brownout needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	touch $@

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
