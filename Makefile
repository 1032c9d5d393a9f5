# `make help` lists the targets; each installs what it needs into .venv first, which is instant when nothing changed.

PYTHON ?= python3
DATA ?=
ARGS ?=

BIN := .venv/bin
NEEDS := pyproject.toml constraints.txt
MADE_AT := $(shell date +%s)

.DEFAULT_GOAL := help
.PHONY: help install hooks demo storefront test test-all mutants check fuzz chaos chaos-short drill replay-equality bench up down docs constraints clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.dev ## Install everything into .venv, at the versions in constraints.txt

hooks: .venv/.dev ## Check every commit before it is made (pre-commit)
	$(BIN)/pre-commit install

demo: .venv/.local ## Events in, lists out, live in the terminal: make demo [DATA=DIR] [ARGS="--seconds 30 --json"]
	@echo "install: $$(( $$(date +%s) - $(MADE_AT) )) s"
	@$(BIN)/freshet demo $(if $(DATA),--data "$(DATA)") $(ARGS)

storefront: .venv/.local ## A page whose rows change with each click, and an operator's panel: make storefront [ARGS="--port 8090"]
	@$(BIN)/freshet storefront $(ARGS)

test: .venv/.dev ## Run the tests, against a real Kafka and Valkey that they start: make test [ARGS="-k demo"]
	@$(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder -m "not slow" $(ARGS)

test-all: .venv/.dev ## Run the long forms too: make test-all [ARGS="-m slow"]
	@$(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder $(ARGS)

mutants: .venv/.dev ## Break each mechanism of exact state on purpose: a test must notice [ARGS="--core" or "part of a name"]
	@PYTHONPATH=tests/support $(BIN)/python tests/mutants/mutate.py $(ARGS)

check: .venv/.dev ## Lint, formatting, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

chaos: .venv/.dev ## Hurt real workers and servers in every way, three times each: make chaos [RUNS=n] [ARGS="--only kill_broker"]
	@PYTHONPATH=tests/support $(BIN)/python tests/chaos/run.py --runs $(or $(RUNS),3) $(if $(JSON),--json) $(ARGS)

chaos-short: .venv/.dev ## The same, once each: make -s chaos-short [JSON=1]
	@PYTHONPATH=tests/support $(BIN)/python tests/chaos/run.py --runs 1 $(if $(JSON),--json) $(ARGS)

drill: .venv/.dev ## Several clients, random faults, and a recount by an independent parser: make drill [SEEDS=10] [ARGS="--seed 7"]
	@PYTHONPATH=tests/support $(BIN)/python tests/chaos/drill.py --seeds $(or $(SEEDS),1) $(if $(JSON),--json) $(ARGS)

fuzz: .venv/.dev ## Hostile records through every door: make fuzz [RECORDS=1000000]
	@PYTHONPATH=tests/support $(BIN)/python tests/fuzz/run.py --records $(or $(RECORDS),1000000)

replay-equality: .venv/.dev ## Replay MovieLens 1M, killed half-way, into the very rows of the live version: make replay-equality DATA=DIR
	@FRESHET_TEST_MOVIELENS_1M="$(DATA)" $(BIN)/pytest tests/stack/test_replay_movielens.py $(ARGS)

bench: .venv/.dev ## Measure a worker beside stock Faust: make bench DATA=DIR (the folder that holds ml-100k/)
	@$(BIN)/freshet bench worker $(if $(DATA),--data "$(DATA)") $(ARGS)

up: .venv/.local ## Start a Kafka and a Valkey on this machine
	@$(BIN)/freshet up

down: .venv/.local ## Stop them
	@$(BIN)/freshet down

docs: .venv/.dev ## Generate the pages and schemas that come from the code
	$(BIN)/python -m ops.configuration.settings_docs > docs/settings.md.new && mv docs/settings.md.new docs/settings.md
	$(BIN)/python -m ops.metrics_docs > docs/metrics.md.new && mv docs/metrics.md.new docs/metrics.md
	$(BIN)/freshet schema --write docs/schemas
	$(BIN)/python -m serving.endpoint.openapi
	$(BIN)/python -m serving.collect.openapi
	$(BIN)/python -m serving.client.generate && $(BIN)/ruff format --quiet serving/client

constraints: ## Pin the newest versions that pyproject.toml allows
	rm -rf build/pins && $(PYTHON) -m venv build/pins
	build/pins/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	build/pins/bin/pip freeze --exclude freshet > constraints.txt

clean: ## Remove what install, test and check left behind
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Freshet needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

# A stamp is newer than what it was made from, so a second run has nothing to do.
.venv/.local: $(NEEDS) | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local]'
	@touch $@

.venv/.dev: $(NEEDS) | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch .venv/.local $@
