# The main commands are `make demo` and `make test`. `make help` lists all targets.
.DEFAULT_GOAL := check
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
RUN := PYTHONPATH=plugins:. $(VENV)/bin

.PHONY: check
check: lint unit  ## Lint and unit tests (the default)

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## (.*)/\1\t\2/' | expand -t 16

apt_install = { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y $(1) >/dev/null; }

.PHONY: install
install: $(VENV)/.installed  ## Create .venv from requirements-dev.txt (all packages pinned, with hashes)

$(VENV)/.installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module. Next: on Debian, apt-get install python3-venv"; exit 1; }
	@awk '/^uv==/ {on = 1} on; on && !/\\$$/ {exit}' requirements-dev.txt > $(VENV)/uv.txt
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(VENV)/bin/uv pip install --quiet --require-hashes --python $(VENV)/bin/python -r requirements-dev.txt
	@command -v gpg >/dev/null || $(call apt_install,gnupg) || \
	    echo "No gpg: OpenPGP files cannot be read, and their tests are skipped. Next: apt-get install gnupg"
	@command -v chromium >/dev/null || $(call apt_install,chromium) || \
	    echo "No chromium: the tests of the pages in a browser cannot run. Next: on Debian, apt-get install chromium"
	@touch $@

.PHONY: demo
demo: install  ## Start everything, load a sample delivery of each source, show the result
	@$(RUN)/python -m local demo

.PHONY: stop
stop:  ## Stop everything that `make demo` started
	@if [ -x $(VENV)/bin/python ]; then $(RUN)/python -m local stop; fi

.PHONY: clean
clean: stop  ## Stop the demo and remove its data
	@rm -rf .state

.PHONY: test
test: install  ## Lint and all tests except the long ones, three suites at a time: under 15 minutes on two cores
	@$(MAKE) --no-print-directory -j 3 --output-sync=target lint faults integration system-short unit

.PHONY: lint
lint: install  ## ruff, mypy, import-linter, cfn-lint
	@$(VENV)/bin/ruff format --check --quiet . || { echo "Next: make format"; exit 1; }
	@$(VENV)/bin/ruff check --quiet .
	@$(RUN)/mypy
	@cd plugins && ../$(VENV)/bin/lint-imports --config ../pyproject.toml --no-cache | tail -n 5
	@templates=$$(ls include/cfn/*.yaml 2>/dev/null || true); [ -z "$$templates" ] || $(VENV)/bin/cfn-lint $$templates

.PHONY: format
format: install  ## Format the code and apply ruff's fixes
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format --quiet .

.PHONY: unit integration faults system
unit: install  ## Unit tests: no network, no servers
	@$(VENV)/bin/pytest tests/unit --disable-socket --allow-unix-socket
integration: install  ## Integration tests against the stand-in's servers
	@$(VENV)/bin/pytest tests/integration
faults: install  ## Exactly-once tests with injected faults (FAULTS_N=1000: that many random campaigns too)
	@$(VENV)/bin/pytest tests/faults
	@[ -z "$(FAULTS_N)" ] || $(RUN)/python -m tests.faults.campaign
system: install  ## System tests: deliveries through a real Airflow, the long ones too
	@$(VENV)/bin/pytest tests/system
.PHONY: system-short
system-short: install
	@$(VENV)/bin/pytest tests/system -m "not long"
.PHONY: browser
browser: install  ## The data team's tasks on the pages, in Chromium, after a demo (GV_WRITE_IMAGES=1 writes docs/images/ too)
	@$(VENV)/bin/pytest tests/browser --timeout 1800

.PHONY: celery
celery: install  ## docker-compose.yaml's services as processes, with two Celery workers (needs Postgres and Redis)
	@{ command -v redis-server && ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 || \
	    $(call apt_install,postgresql redis-server) || \
	    { echo "No Postgres or Redis. Next: on Debian, apt-get install postgresql redis-server"; exit 1; }
	@$(VENV)/bin/pytest tests/system/test_celery.py

.PHONY: cfn-check
cfn-check: install  ## Check the CloudFormation templates with checkov (in a separate environment: checkov pins old packages)
	@$(VENV)/bin/uvx --quiet --from checkov==3.3.30 checkov --directory include/cfn --framework cloudformation --compact --quiet --skip-download

.PHONY: mutants
mutants: install  ## Run wrong loaders against the tests that must notice them, ten minutes (ONLY="undo" runs only these)
	@$(RUN)/python -m tests.faults.mutants $(ONLY)

.PHONY: fuzz
fuzz: install  ## Property tests with many new random examples
	@GV_HYPOTHESIS=fuzz $(VENV)/bin/pytest tests/unit -k "test_properties or any_text or round_trip" --timeout 1800

.PHONY: bench bench-quick
bench: install  ## Benchmarks on files up to 4 GB, one to two hours (ONLY="limit gz" runs only these scenarios)
	@$(RUN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))
bench-quick: install  ## The same benchmarks on small files, three minutes
	@$(RUN)/python -m benchmarks --quick

.PHONY: requirements
requirements:  ## Compile the requirements*.in files (UPGRADE="pyarrow rich" upgrades these packages)
	@for name in requirements requirements-dev; do \
	    $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	        $(addprefix --upgrade-package ,$(UPGRADE)) $$name.in --output-file $$name.txt; \
	done
