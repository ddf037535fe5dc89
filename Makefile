# make run     start a daemon with a simulated pool on https://127.0.0.1:8443
# make test    run the tests, lane by lane
# make web     build the web console from web/ into xapid/http/web (needs Node and npm; the result is in git)
# Needs nothing but Python 3.11 or later; everything is installed into $(VENV).

VENV ?= .venv
PYTHON ?= $(firstword $(foreach python,python3 python3.14 python3.13 python3.12 python3.11,\
    $(shell $(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(python))))
BIN := $(VENV)/bin
# More options: make run ARGS="--hosts 16 --vms-per-host 50", make test LANES=unit ARGS="-k session".
ARGS ?=
LANES ?= unit daemons clients browser security
# make test XAPID_NO_FAST_PATH=1 runs them with every call taking the long way.
# Fuzz targets, and how long each runs: make fuzz SECONDS=3600 TARGETS=whole_path.
TARGETS ?= whole_path http_parser fast_and_plain
SECONDS ?= 60

.PHONY: run test lint audit format types web bench fuzz coverage certs docs clean

run: $(VENV)/.installed
	$(BIN)/xapid serve --state state $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python tests/lanes.py $(LANES) -- $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/xapid coverage --check docs/coverage.md

# Asks the registry of packages whether weaknesses of what is installed are known.
audit: $(VENV)/.installed
	$(BIN)/python -m pip install -qq 'pip-audit>=2.9'
	$(BIN)/pip-audit --local --skip-editable

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

web: $(VENV)/.installed web/node_modules/.package-lock.json
	$(BIN)/python web/records.py >web/src/records.ts
	cd web && npm run --silent check && npm run --silent build

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

bench: $(VENV)/.installed-dev
	$(BIN)/python tests/bench $(ARGS)

fuzz: $(VENV)/.installed-dev
	for target in $(TARGETS); do $(BIN)/python tests/fuzz/run.py $$target --seconds $(SECONDS) $(ARGS) || exit 1; done

coverage: $(VENV)/.installed
	$(BIN)/xapid coverage --write docs/coverage.md
	$(BIN)/xapid coverage

certs: $(VENV)/.installed
	$(BIN)/xapid certs certs $(ARGS)

docs: coverage

clean:
	rm -rf $(VENV) build dist *.egg-info .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	rm -rf tests/clients/node_modules web/node_modules web/src/records.ts
	find xapid plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: setup.cfg setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install -qq --editable '.[all]'
	@touch $@

$(VENV)/.installed-dev: setup.cfg setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@ $(VENV)/.installed
