# Every verb of the project; `make help` lists them. CI and pre-commit use the same ones.

# What a verb may be told. Each is kept as it was typed, whatever make or a shell would read in it, and reaches the
# recipe in its environment.
TOLD := ALSO APPROVERS ENTITY EVENTS FROM FROM_DAY GROUP LABEL MODEL NAME OWNER REASON RELEASE TIME TIME_ZONE TO_DAY TRAINER VERSION
define keep
override $(1) := $$(value $(1))
export $(1)
endef
$(foreach name,$(TOLD),$(if $(filter command,$(origin $(name))),$(eval $(call keep,$(name)))))
# One word of a command, as $(call told,NAME,--name=): nothing unless NAME was typed; one of the shell, which may mean
# something else there, is nothing.
told = $(if $(filter override,$(origin $(1))),$(if $(value $(1)),$(2)"$$$(1)"))

.DEFAULT_GOAL := help
.PHONY: help setup up status down logs dbt dbt-docs adopt drop-examples new-source check new-model run rollback traffic notify-test test test-all lint format bench lock clean install
.PHONY: demo # (examples line)

# The first of these that is Python 3.11 or 3.12 and really runs (a pyenv shim may exist and fail).
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1 \
	&& command -v $$python && break; done)
PY := .venv/bin/python
UV = $(shell command -v uv || echo .venv/bin/uv)
# Worker processes of the tests; each has a PostgreSQL of its own. One more than cores, as tests wait for servers.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST = $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Compiled modules halve the start of every process.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the verbs
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## install what requirements.lock pins into .venv
	@test -x $(PY) && $(PY) -IS include/commands/setup_venv.py --check || $(MAKE) --no-print-directory install GOAL="$(MAKECMDGOALS)"

# Apart, because looking for a Python takes longer than the check.
install:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 was found. Install one, or name it: make $(GOAL) PYTHON=/path/to/python3.12"; exit 1; }
	@"$(PYTHON)" -m include.commands.setup_venv

up: setup ## start the stack and wait until it is healthy (ARGS="--home DIR")
	@$(PY) -m include.local up $(ARGS)

status: setup ## show every component, the addresses and the users
	@$(PY) -m include.local status $(ARGS)

down: setup ## stop the stack
	@$(PY) -m include.local down $(ARGS)

logs: setup ## show the end of the logs (ARGS="airflow-scheduler -f")
	@$(PY) -m include.local logs $(ARGS)

dbt: setup ## run dbt against the stack's warehouse (ARGS="build --select MODEL+")
	@$(PY) -m include.local dbt $(ARGS)

dbt-docs: setup ## write dbt's documentation, with the declared models, as one page
	@$(PY) -m include.local dbt-docs $(ARGS)

adopt: setup ## make this checkout yours (FROM=folder NAME=model ENTITY=key EVENTS=source ALSO=sources LABEL="no events in 28 days")
	@$(PY) -m include.adopt.adopt $(call told,FROM) $(call told,NAME,--name=) $(call told,ENTITY,--entity=) \
		$(call told,EVENTS,--events=) $(call told,ALSO,--also=) $(call told,LABEL,--label=) $(call told,GROUP,--group=) \
		$(call told,OWNER,--owner=) $(call told,TRAINER,--trainer=) $(call told,TIME,--time=) $(call told,TIME_ZONE,--time-zone=) $(ARGS)

drop-examples: setup ## after the merge of a release, take out what it brings of the examples (RELEASE=v1.2.0)
	@$(PY) -m include.adopt.merged_examples $(call told,RELEASE)

new-source: setup ## say how files of yours are declared (FROM=folder_or_file NAME=name ARGS="--write")
	@$(PY) -m include.adopt.new_source $(call told,FROM) $(call told,NAME,--name=) $(ARGS)

check: setup ## say whether what is declared can work (MODEL=name ARGS="--json")
	@$(PY) -m include.check $(call told,MODEL,--model=) $(ARGS)

new-model: setup ## write dbt models and file of a first model (NAME=name ENTITY=key EVENTS=source ALSO=sources LABEL="no source in 28 days" ARGS="--write")
	@$(PY) -m include.adopt.new_model $(call told,NAME) $(call told,ENTITY,--entity=) $(call told,EVENTS,--events=) \
		$(call told,ALSO,--also=) $(call told,LABEL,--label=) $(call told,GROUP,--group=) $(call told,OWNER,--owner=) $(call told,TRAINER,--trainer=) \
		$(call told,APPROVERS,--approvers=) $(ARGS)

run: setup ## load days, follow what they set off (FROM_DAY=2026-01-01 TO_DAY=2026-01-31 MODEL=name ARGS="--train")
	@$(PY) -m include.operate run $(call told,FROM_DAY,--from-day=) $(call told,TO_DAY,--to-day=) $(call told,MODEL,--model=) $(ARGS)

rollback: setup ## put an earlier champion back (MODEL=name VERSION=2 REASON="what went wrong" ARGS="--user approver")
	@$(PY) -m include.operate rollback $(call told,MODEL,--model=) $(call told,VERSION,--version=) $(call told,REASON,--reason=) $(ARGS)

traffic: setup ## send requests to the model server, until Ctrl-C (MODEL=name ARGS="--rate 20")
	@$(PY) -m include.operate traffic $(call told,MODEL,--model=) $(ARGS)

notify-test: setup ## send a test message to the channels of notifications (MODEL=name ARGS="--channel NAME")
	@$(PY) -m include.operate notify-test $(call told,MODEL,--model=) $(ARGS)

# (examples begin)
demo: setup ## run the whole lifecycle on real data (ARGS="--days 3 --exit")
	@$(PY) -m include.demo $(ARGS)
# (examples end)

test: setup ## run the tests but the longest ones, or those named (ARGS="tests/unit/gates -k leakage")
	@$(PYTEST) $(or $(ARGS),-m "not long")

test-all: setup ## run all tests, as the workflows do
	@$(PYTEST)

lint: setup ## check style, types and SQL
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m sqlfluff lint dbt/models dbt/data-tests
	@.venv/bin/zizmor --offline --quiet .github

format: setup ## correct what can be corrected
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .
	@$(PY) -m sqlfluff fix dbt/models dbt/data-tests

bench: setup ## measure the figures of the README (NAME=one of them)
	@$(PY) -m benchmarks $(call told,NAME)

lock: setup ## resolve requirements-dev.txt into requirements.lock
	@$(UV) pip compile --quiet --universal --python-version 3.11 requirements-dev.txt -o requirements.lock --no-annotate --no-header

clean: ## stop the stack and delete its data and all caches (.venv stays)
	@test ! -x $(PY) || $(PY) -m include.local down
	@rm -rf .local dbt/target dbt/logs .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
