# Needs Python >= 3.11 with pip, and make; nothing else. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2

export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0.3

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-pages house lint types bench docs clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Found `$(PYTHON) --version 2>&1`, Daedalus needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints/run.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints/run.txt -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints/dev.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints/dev.txt -e '.[test]'
	@touch $@

$(VENV)/.lint: pyproject.toml constraints/dev.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints/dev.txt -e '.[lint,test]'
	@touch $@

$(VENV)/.docs: pyproject.toml constraints/dev.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints/dev.txt -e '.[docs,notebook]'
	@touch $@

demo: $(VENV)/.run  ## optimise the ladle detector; the result lies in runs/demo
	$(BIN)/daedalus run muon_tomography/ladle_fill_level --out runs/demo --force

test: $(VENV)/.test  ## all tests but the slow ones
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow"

test-slow: $(VENV)/.test  ## the slow tests only
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m slow

test-pages: $(VENV)/.test  ## the tests of pages in a browser: Debian's chromium and chromium-driver
	$(BIN)/python -m pytest -m slow tests/app/test_explorer_browser.py tests/app/test_report_browser.py

house: $(VENV)/.test  ## floors, words, sizes, documentation, imports
	$(BIN)/python -m pytest -q -m "not slow" tests/house --deselect tests/house/test_wheel.py --deselect tests/house/test_readme.py

lint: $(VENV)/.lint  ## style and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.lint  ## pyright over src
	$(BIN)/pyright

bench: $(VENV)/.run  ## muons per second, memory
	$(BIN)/python benchmarks/muon_tomography.py

docs: $(VENV)/.docs  ## the documentation, executed, in docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean:  ## remove the environment, caches, builds and runs
	rm -rf $(VENV) .cache .nox .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist docs/_build runs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
