# What can be done here. `make help` lists it.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# COVER=1: measure coverage of whatever tests run.
COVER ?=

BIN := $(VENV)/bin
PY := $(BIN)/python
LOCK := requirements/constraints.txt
PIP := $(PY) -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --constraint $(LOCK) --build-constraint $(LOCK)
# Installable examples: packages that pretend to be someone else's.
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard examples/*/pyproject.toml))
PYTEST := $(PY) -m $(if $(COVER),coverage run -m )pytest
CORE_OMIT := */stagegate/cli/*,*/stagegate/contrib/*,*/stagegate/testing.py,*/stagegate/testing/*

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint format types catalogs calendars pages floors docs examples cover cover-report bench proof wheel lock clean

help: ## list these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ------------------------------------------------------------------------------------------------------- environment

# Each stamp says: this was installed after the last change of what it depends on.
$(VENV)/stamp-pip: $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, not " + sys.version.split()[0] + ": say `make PYTHON=...`")'
	@test -x $(BIN)/pip || { echo "making $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@# The pip that comes with Python 3.11 knows neither groups nor build constraints.
	@$(PIP) install --quiet --constraint $(LOCK) --upgrade pip
	@touch $@

$(VENV)/stamp-run: $(VENV)/stamp-pip pyproject.toml
	@echo "installing stagegate into $(VENV)"
	@$(INSTALL) --editable ".[cli]"
	@touch $@

$(VENV)/stamp-dev: $(VENV)/stamp-pip pyproject.toml $(PACKAGES:%=%/pyproject.toml)
	@echo "installing stagegate and what its checks need into $(VENV)"
	@$(INSTALL) --group dev --editable ".[apprise,calendar,cli,postgres,temporal,webhook]" $(PACKAGES:%=--editable ./%)
	@touch $@ $(VENV)/stamp-run

# ------------------------------------------------------------------------------------------------------------- using

demo: $(VENV)/stamp-run ## play the agreement of Bekasi and Izumisano
	@$(BIN)/stagegate demo $(ARGS)

# ---------------------------------------------------------------------------------------------------------- checking

test: $(VENV)/stamp-dev ## run all tests, docs and examples too (ARGS="-k gate -n 2")
	$(if $(COVER),@$(BIN)/coverage erase)
	$(PYTEST) $(ARGS)

lint: $(VENV)/stamp-dev ## style, dependencies, a sentence for every test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/deptry src
	$(BIN)/interrogate --quiet tests
	$(PY) scripts/catalogs.py --check
	$(PY) scripts/calendars.py --check
	$(PY) scripts/pages.py --check

format: $(VENV)/stamp-dev ## let ruff write what it can
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

types: $(VENV)/stamp-dev ## mypy, strict
	$(BIN)/mypy

catalogs: $(VENV)/stamp-dev ## write the sentences into the catalogs, and compile those
	$(PY) scripts/catalogs.py

pages: $(VENV)/stamp-dev ## write the tables on the pages of the built-in processes
	$(PY) scripts/pages.py

calendars: $(VENV)/stamp-dev ## write the shipped calendars from what `holidays` knows
	$(PY) scripts/calendars.py

floors: $(VENV)/stamp-dev ## who may import whom
	$(BIN)/lint-imports

docs: $(VENV)/stamp-dev ## build the documentation, every reference checked
	$(PY) -m sphinx -n -W --keep-going -q -b html -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

examples: $(VENV)/stamp-dev ## run every example and compare what it prints
	$(PYTEST) tests/examples examples $(ARGS)

cover: ## run all tests and measure: the core has to be at 100 % of its branches
	@$(MAKE) --no-print-directory test COVER=1
	@$(MAKE) --no-print-directory cover-report

cover-report: $(VENV)/stamp-dev
	@# A process that was killed while it wrote down its coverage leaves a file that cannot be read: its lines go uncounted.
	@if ls .coverage.* >/dev/null 2>&1; then $(BIN)/coverage combine --quiet || true; rm -f .coverage.*; fi
	@echo "coverage of everything:"
	@$(BIN)/coverage report
	@echo "coverage of the core:"
	@$(BIN)/coverage report --omit='$(CORE_OMIT)' --fail-under=100

bench: $(VENV)/stamp-dev ## measure ratios against floors and peers
	$(PY) benchmarks/run.py $(ARGS)

proof: $(VENV)/stamp-dev ## the long harnesses: races, kills, crashes, each with its broken twins
	$(PY) proof/run.py $(ARGS)

# ---------------------------------------------------------------------------------------------------------- releasing

wheel: $(VENV)/stamp-dev ## build the source distribution, and from it the wheel
	@rm -rf build/dist
	@$(PY) -m hatchling build -t sdist -d build/dist
	@$(PIP) wheel --quiet --no-deps --build-constraint $(LOCK) --wheel-dir build/dist build/dist/*.tar.gz
	@ls build/dist

lock: ## look up the newest versions of everything and pin them
	@rm -rf build/lock && mkdir -p build/lock
	@$(PYTHON) -m venv build/lock/venv
	@build/lock/venv/bin/python -m pip install --quiet --upgrade pip
	@build/lock/venv/bin/python -m pip install --quiet --editable ".[apprise,calendar,cli,postgres,temporal,webhook]" --group dev hatchling editables
	@{ echo "# Made by \`make lock\`: what everything here was last tried with."; \
		build/lock/venv/bin/python -m pip list --format=freeze --exclude-editable --exclude setuptools; } > build/lock/constraints.txt
	@mkdir -p requirements && cp build/lock/constraints.txt $(LOCK)
	@rm -rf build/lock
	@grep -c == $(LOCK)

clean: ## remove everything that make made
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
