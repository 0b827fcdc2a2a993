# Kogame's commands. `make help` lists them. Each does its own set-up, and only what has changed.
# All paths are relative and tools run as modules of the environment's Python: a folder may have
# spaces in its name, and may be moved.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

# Where the tests look for services; one that is absent is a skip, and a failure when CI is set.
TEST_POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/postgres
TEST_RABBITMQ_URL ?= amqp://guest:guest@127.0.0.1:5672//
TESTS = TEST_POSTGRES_URL='$(TEST_POSTGRES_URL)' TEST_RABBITMQ_URL='$(TEST_RABBITMQ_URL)'

# Commands of manage.py reach the Redis of a running `make run`, unless REDIS_URL says otherwise.
MANAGE = REDIS_URL="$${REDIS_URL:-$$(cat .run/redis.url 2>/dev/null || echo redis://127.0.0.1:6379/0)}" $(PY) manage.py

.PHONY: help run test test-faults check bench audit fmt clean t js web logs sh m migrations setup setup-dev build lock chromium

help: ## list every command
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: build ## start Kogame and print its address (PORT=8000, HOST=127.0.0.1)
	@exec $(PY) -m kogame.supervisor --with-parent

test: setup-dev build chromium ## run every test: Python, frontend, browser
	@$(PY) -m kogame.build npm test
	@$(TESTS) $(PY) -m pytest

test-faults: setup-dev build ## kill, freeze and cut everything in turn, and keep the figures
	@$(TESTS) KOGAME_FAULTS=full KOGAME_FAULTS_RECORD=1 $(PY) -m pytest -s tests/live/faults

check: setup-dev build ## look for mistakes without running: style, types, import arrows
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m kogame.build npm run check
	@$(PY) -m pytest -p no:randomly tests/test_arrows.py
	@DATABASE_URL=sqlite://:memory: $(PY) manage.py makemigrations --check --dry-run

bench: setup-dev build ## measure: see tests/bench
	@$(PY) -m tests.bench

audit: setup-dev ## ask the registries for known weaknesses of every pinned package; needs the network
	@status=0; \
	echo 'kogame: asking about the Python packages …'; \
	$(PY) -m pip_audit --strict --disable-pip --no-deps -r constraints.txt --progress-spinner off || \
		{ status=1; echo 'kogame: a Python package has a known weakness, or the registry did not tell (see above).' >&2; }; \
	echo 'kogame: asking about the packages of the frontend …'; \
	$(PY) -m kogame.build npm audit || \
		{ status=1; echo 'kogame: a package of the frontend has a known weakness, or the registry did not tell (see above).' >&2; }; \
	exit $$status

fmt: setup-dev ## format the code and mend what can be mended by itself
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format .

clean: ## remove everything that was made, except the data in .run
	@rm -rf .venv frontend/node_modules frontend/dist staticfiles
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Short names -------------------------------------------------------------------------------

t: setup-dev build ## run some Python tests: make t a=tests/test_room.py
	@$(TESTS) $(PY) -m pytest $(a)

js: setup ## run the frontend's tests
	@$(PY) -m kogame.build npm test

web: build ## run one more web process beside `make run` (PORT=8001)
	@REDIS_URL="$$(cat .run/redis.url)" $(PY) -m kogame.server --port $${PORT:-8001}

logs: ## follow the logs of a running Kogame
	@tail -n 20 -F .run/logs/*.log

sh: setup ## open a Django shell
	@$(MANAGE) shell

m: setup ## run a command of manage.py: make m a="migrate --plan"
	@$(MANAGE) $(a)

migrations: setup ## write the migrations that models.py asks for
	@$(PY) manage.py makemigrations

# --- Set-up ------------------------------------------------------------------------------------

setup: .venv/bin/python ## install what Kogame runs on
	@sum="$$(cat requirements.txt constraints.txt | cksum)"; \
	[ "$$(cat .venv/.installed 2>/dev/null)" = "$$sum" ] || { \
		echo 'kogame: installing the Python packages …' && \
		$(PIP) -r requirements.txt -c constraints.txt && echo "$$sum" > .venv/.installed; }

setup-dev: setup ## install what the tests and checks need
	@sum="$$(cat requirements*.txt constraints.txt | cksum)"; \
	[ "$$(cat .venv/.installed-dev 2>/dev/null)" = "$$sum" ] || { \
		echo 'kogame: installing the packages of the tests …' && \
		$(PIP) -r requirements-dev.txt -c constraints.txt && echo "$$sum" > .venv/.installed-dev; }

build: setup ## build the frontend and collect the static files
	@$(PY) -m kogame.build

lock: setup-dev ## pin everything that is installed now in constraints.txt
	@{ sed -n '/^#/p' constraints.txt; $(PY) -m pip freeze --exclude-editable | sort -f; } > .venv/lock
	@mv .venv/lock constraints.txt

# The first Python that is new enough and can make environments; a half-made one is made anew.
.venv/bin/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "kogame: making .venv with $$("$$python" --version) …"; \
			"$$python" -m venv --clear .venv && exit 0; \
			rm -rf .venv; exit 1; \
		fi; \
	done; \
	echo 'Kogame needs Python 3.11 or newer with venv, and found none on PATH.' >&2; \
	echo 'On Debian or Ubuntu: apt install python3-venv. Else see https://www.python.org/downloads/' >&2; \
	exit 1

# A browser for the browser tests: the system's, else from apt as root, else Playwright's own.
# When none can be had, those tests say so and are skipped (or fail, when CI is set).
chromium: setup-dev ## find or install Chromium for the browser tests
	@for name in chromium chromium-browser google-chrome; do \
		command -v "$$name" >/dev/null 2>&1 && exit 0; \
	done; \
	echo 'kogame: no Chromium found, installing one for the browser tests …'; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium >/dev/null && exit 0; \
	fi; \
	$(PY) -m playwright install chromium || echo 'kogame: no Chromium could be installed: the browser tests will say so.'
