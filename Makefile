# Every target makes .venv from the lock file first.
CONFIG ?= configs/default.yaml
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/conflict-topics

.DEFAULT_GOAL := help
.PHONY: help train tag ui test torture bench bench-quality lint format clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	@echo "Installing into .venv (once, a few minutes) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv-bench/installed: requirements-bench.lock
	@echo "Installing the peers of the benchmarks into .venv-bench (once, a minute) …"
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

train: .venv/installed  ## Train CONFIG (default configs/default.yaml), evaluate, save and track the model
	$(RUN) train $(CONFIG)

tag: .venv/installed  ## Tag INPUT (files, folders, globs) with MODEL into OUTPUT
	@test -n "$(INPUT)" -a -n "$(OUTPUT)" || { echo "Usage: make tag MODEL=experiments/models/default INPUT=articles/ OUTPUT=tags.jsonl"; exit 2; }
	$(RUN) tag $(or $(MODEL),experiments/models/default) $(INPUT) --output $(OUTPUT)

ui: .venv/installed  ## Open the runs in MLflow (http://127.0.0.1:5000)
	$(BIN)/mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///experiments/mlflow.db}" --host 127.0.0.1

bench: .venv/installed .venv-bench/installed  ## Measure speed beside other tools on the sets in BENCHMARKS; writes experiments/speed/README.md
	$(BIN)/python -m experiments.speed.bench $(BENCH)

test: .venv/installed  ## Run the tests
	$(BIN)/python -m pytest

torture: .venv/installed  ## Longer randomised faults and fuzzing (MINUTES=10); writes experiments/reliability/README.md
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-fuzz.lock || echo "No atheris for this machine: fuzzing goes on without coverage."
	$(BIN)/python -m tests.torture --minutes $(or $(MINUTES),10)

bench-quality: .venv/installed .venv-bench/installed  ## Default config beside its peers on the sets in BENCHMARKS; writes experiments/quality/README.md
	@test -n "$$BENCHMARKS" || { echo "Usage: make bench-quality BENCHMARKS=folder [SETS=insightcrime,un_quadclass] [FRESH=1]"; exit 2; }
	$(BIN)/python -m experiments.quality.run $(if $(SETS),--sets $(SETS)) $(if $(FRESH),--fresh)

lint: .venv/installed  ## Check style and types; edits nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed  ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:  ## Remove environments and caches; never data or the records of experiments
	rm -rf .venv .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
