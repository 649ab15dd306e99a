# make demo, make test: everything they need is installed into $(VENV) on the first run.

PYTHON ?= python3
VENV ?= .venv
# Where the other libraries of the benchmark live, so that they never meet ours.
OTHERS ?= $(VENV)-contestants
PORT ?= 8080
PYTEST_ARGS ?=
# Processes that share the tests; 0 for one that runs them in order.
WORKERS ?= auto
BENCH_ARGS ?=
# Which rules `make mutants` breaks, how many, and how many at a time.
SEED ?= 1
COUNT ?= 30
JOBS ?= 2
# For `make soak`: 1 for less of everything; the rows to run, all where it is empty.
QUICK ?=
ROWS ?=

RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
METADATA := setup.cfg setup.py pyproject.toml

# Empty where $(PYTHON) is missing or too old; otherwise its version, which names the
# stamp, so that another Python makes the environment anew.
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; sys.version_info >= (3, 11) and \
	print("%d.%d" % sys.version_info[:2])' 2>/dev/null)

.PHONY: help demo demo-asgi test test-slow lint conformance transports mutants \
	soak websocket-cases bench docs picture clean python-is-new-enough

help:
	@echo "make demo         serve the example on http://localhost:$(PORT)"
	@echo "make demo-asgi    the same on Hypercorn and trio, signed in by ticket"
	@echo "make test         check everything: ruff, mypy, pytest with real clients and a browser"
	@echo "make test-slow    look at every screen of the example, which make test does not"
	@echo "make lint         ruff and mypy only"
	@echo "make conformance  tell which statements of the specification are tested"
	@echo "make transports   run the scenarios over every transport, and make their table"
	@echo "make mutants      break rules of the router; a test has to notice each"
	@echo "make soak         attack a server for twenty minutes, QUICK=1: three; see the table"
	@echo "make websocket-cases  put the Autobahn TestSuite to our WebSocket and aiohttp's"
	@echo "make bench        compare the server with bare aiohttp and other libraries"
	@echo "make docs         build the documentation into docs/_build/html"
	@echo "make picture      take the picture of the example in docs/images anew"
	@echo "make clean        remove everything that make made"

python-is-new-enough:
ifeq ($(PYTHON_VERSION),)
	@echo "aiohttp-serverwamp needs Python 3.11 or newer, and '$(PYTHON)' is not one:" >&2
	@$(PYTHON) --version >&2 || true
	@echo "Say which one to use, for example: make demo PYTHON=python3.12" >&2
	@exit 1
endif

CREATED := $(VENV)/.created-$(PYTHON_VERSION)

$(CREATED): | python-is-new-enough
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.demo: $(METADATA) $(CREATED)
	$(PIP) -e .
	@touch $@

$(VENV)/.demo-asgi: $(METADATA) $(CREATED)
	$(PIP) -e '.[demo-asgi]'
	@touch $@ $(VENV)/.demo

$(VENV)/.lint: $(METADATA) $(CREATED)
	$(PIP) -e '.[test,dev,docs]'
	@touch $@ $(VENV)/.demo $(VENV)/.demo-asgi $(VENV)/.docs

# What comes from Debian and npm. A machine without them still runs the other tests.
$(VENV)/.test: $(VENV)/.lint tests/install_clients.sh \
		$(wildcard tests/*/*/package*.json)
	@rm -f $(VENV)/.not-installed
	@sh tests/install_clients.sh $(VENV)/.not-installed
	@test -s $(VENV)/.not-installed || touch $@

$(VENV)/.docs: $(METADATA) $(CREATED)
	$(PIP) -e '.[docs]'
	@touch $@

demo: $(VENV)/.demo
	$(RUN) -m example_app --port $(PORT)

demo-asgi: $(VENV)/.demo-asgi
	$(RUN) -m hypercorn --worker-class trio --bind 127.0.0.1:$(PORT) example_app.asgi:app

lint: $(VENV)/.lint
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# A browser, node or proxy that could not be installed may be missing, except on a CI machine.
# The loud part at the end is printed by tests/conftest.py: it lists what was skipped.
# With -m in PYTEST_ARGS the last one counts.
define pytest
	@if [ -s $(VENV)/.not-installed ] && [ -z "$$CI" ]; then \
		export ALLOW_MISSING_BROWSER=1 ALLOW_MISSING_NODE=1 \
			ALLOW_MISSING_PROXY=1 ALLOW_MISSING_STORES=1; \
	fi; \
	NOT_INSTALLED=$(VENV)/.not-installed $(RUN) -m pytest \
		-n $(WORKERS) --maxprocesses 4 --dist worksteal $(1) $(PYTEST_ARGS)
endef

test: $(VENV)/.test lint
	$(call pytest,-m "not slow")

test-slow: $(VENV)/.test
	$(call pytest,-m slow)

# The names of the statements are read from the tests, which need not run for that.
conformance: $(VENV)/.demo
	$(RUN) -m tests.conformance.report

transports: $(VENV)/.lint
	$(RUN) -m pytest -n $(WORKERS) tests/transports/test_scenarios.py $(PYTEST_ARGS)
	$(RUN) -m tests.transports.report

# A seeded sample: another SEED breaks others. Takes its time.
mutants: $(VENV)/.lint
	$(RUN) -m tests.mutants.run --seed $(SEED) --count $(COUNT) --jobs $(JOBS)

# ROWS="bombs holding" for some of its rows only.
soak: $(VENV)/.lint
	$(RUN) -m tests.soak $(if $(QUICK),--quick) $(if $(ROWS),--rows $(ROWS))

# All of them; make test has those that take no time.
websocket-cases: $(VENV)/.lint
	$(RUN) -m tests.websocket_cases

# With the aiohttp that ours is measured with. Without a package index the benchmark goes
# on, says who is missing, and the next run tries again.
$(OTHERS)/.filled: benchmarks/requirements-contestants.txt $(VENV)/.demo
	@{ $(RUN) -m venv --clear $(OTHERS) && \
	$(OTHERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r benchmarks/requirements-contestants.txt \
		"aiohttp == $$($(RUN) -c 'import aiohttp; print(aiohttp.__version__)')" && \
	touch $@; } || echo "*** $(OTHERS) could not be made or filled" >&2

bench: $(VENV)/.demo $(OTHERS)/.filled
	$(RUN) -m benchmarks --others $(OTHERS) $(BENCH_ARGS)

docs: $(VENV)/.docs
	$(RUN) -m sphinx -W -b html docs docs/_build/html

picture: $(VENV)/.test
	BOARD_PICTURE=docs/images/board.png $(RUN) -m pytest tests/browser/test_picture.py

clean:
	rm -rf $(VENV) $(OTHERS) build dist *.egg-info docs/_build .coverage htmlcov \
		tests/*/*/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
