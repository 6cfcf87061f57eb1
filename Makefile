# Every target does its own set-up. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps

.DEFAULT_GOAL := help
.PHONY: help docs dist dist-check setup demo test test-browser lint types bench-parse fuzz-parse lock clean bench-serve bench bench-train bench-choices bench-peers

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit("twin needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing twin and its base model into $(VENV) (once, about 1.4 GB)"
	@$(PIP_INSTALL) -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "installing the development tools into $(VENV)"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

setup: $(VENV)/dev.stamp ## Make .venv and install everything that development needs

demo: $(VENV)/run.stamp ## Train a twin from the sample chat and talk with it
	@$(BIN)/twin demo

test: $(VENV)/dev.stamp lint types ## Run every check
	@$(BIN)/python -m pytest

# PyTorch stands outside the lock file: its CPU build is another file on every index. Where an index has the CUDA build
# only, its libraries are packages of their own: make test-oracles TORCH=torch==2.13.0
ORACLES := .venv-oracles
TORCH ?= --no-deps torch==2.13.0
$(ORACLES)/stamp: requirements/oracles.txt
	@test -x $(ORACLES)/bin/python || $(PYTHON) -m venv $(ORACLES)
	@echo "installing PyTorch, Transformers, PEFT and Go into $(ORACLES) (once, about 2.5 GB)"
	@$(subst $(BIN),$(ORACLES)/bin,$(PIP_INSTALL)) -r requirements/oracles.txt
	@$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-input $(TORCH)
	@$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test-oracles: $(ORACLES)/stamp ## Compare every conversion with PyTorch, Transformers, PEFT and Go templates
	@$(ORACLES)/bin/python -m pytest -m oracle tests/oracles

test-browser: $(VENV)/dev.stamp ## The web app in Chromium, with real small trainings; PICTURES=FOLDER keeps pictures
	@$(BIN)/python -m pytest tests/web/browser
	@TWIN_LONG_TESTS=1 $(BIN)/python -m pytest tests/web/browser/test_uploads.py
	@TWIN_LONG_TESTS=1 $(BIN)/python -m pytest tests/web/browser/test_story.py

lint: $(VENV)/dev.stamp ## Style and the direction of imports
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-logo

types: $(VENV)/dev.stamp ## Types
	@$(BIN)/basedpyright --level error

# The site has an environment of its own: its tools bind nobody else.
DOCS := .venv-docs
$(DOCS)/stamp: requirements/docs.txt
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(subst $(BIN),$(DOCS)/bin,$(PIP_INSTALL)) -r requirements/docs.txt
	@touch $@

docs: $(DOCS)/stamp ## Build the documentation site into .cache/site; broken links are errors
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=src $(DOCS)/bin/mkdocs build --strict --quiet
	@echo "The site is in .cache/site/index.html"

DIST := .venv-dist
$(DIST)/stamp: requirements/dist.txt
	@test -x $(DIST)/bin/python || $(PYTHON) -m venv $(DIST)
	@$(subst $(BIN),$(DIST)/bin,$(PIP_INSTALL)) -r requirements/dist.txt
	@touch $@

dist: $(DIST)/stamp ## Build the wheel and the source archive, with their version from git's tags
	@rm -rf dist
	@$(DIST)/bin/python -m build --no-isolation --outdir dist .
	@$(DIST)/bin/twine check --strict dist/*

dist-check: dist ## Install the wheel as a person would, in a fresh environment, and start it
	@$(PYTHON) -m venv --clear .cache/dist
	@$(subst $(BIN),.cache/dist/bin,$(PIP_INSTALL)) -r requirements/run.txt
	@.cache/dist/bin/python -m pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	@cd / && TWIN_HOME=$$(mktemp -d) $(CURDIR)/.cache/dist/bin/twin
	@.cache/dist/bin/twin --help > /dev/null && .cache/dist/bin/twin --version

bench-serve: $(VENV)/dev.stamp ## Decode speed, time to first word, memory and publishing of twins
	@PYTHONPATH=. $(BIN)/python bench/serve.py $(ARGS)

bench: $(VENV)/dev.stamp ## Loading, training and decoding on this machine
	@PYTHONPATH=. $(BIN)/python bench/machine.py

bench-train: $(VENV)/dev.stamp ## Training: speed, memory, share of the floor; beside PEFT + TRL where bench-peers ran
	@$(BIN)/python bench/train.py --peer $(ORACLES)/bin/python $(ARGS)

bench-choices: $(VENV)/dev.stamp ## Held-out loss of other ways to train, for the same operations
	@$(BIN)/python bench/choices.py $(ARGS)

bench-peers: $(ORACLES)/stamp ## Install what bench-train compares with
	@$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/peers.txt

bench-parse: $(VENV)/dev.stamp ## Parse a million messages, next to other parsers
	@$(BIN)/python bench/parse.py $(ARGS)

bench-web: $(VENV)/dev.stamp ## Pages at a steady rate while fifty people chat
	@PYTHONPATH=. $(BIN)/python bench/web.py $(ARGS)

translations: $(VENV)/dev.stamp ## Bring the catalogues up to date with the texts of the web app
	@cd src/twin/web && pybabel=$(CURDIR)/$(BIN)/pybabel && pot=$$(mktemp) && \
	$$pybabel -q extract -F translations/babel.cfg --no-location --sort-output -o $$pot . && \
	$$pybabel -q update --no-fuzzy-matching --omit-header --width=118 -i $$pot -d translations && \
	$$pybabel -q compile -f -d translations && rm $$pot

fuzz-parse: $(VENV)/dev.stamp ## Damage exports for five minutes and read them
	@$(BIN)/python -m tests.fuzz_parse $(ARGS)

# The lock files carry hashes and no index address; uv resolves, pip installs.
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --overrides requirements/overrides.txt \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
# All extras but gcp, whose caps bind nobody else: see lock-cloud.
EXTRAS := $(addprefix --extra ,base bot chat formats gemini postgres train web)
lock: ## Resolve the lock files anew (needs uv)
	$(LOCK) $(EXTRAS) --group build -o requirements/run.txt
	$(LOCK) $(EXTRAS) --group build --group lint --group test -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) requirements/oracles.in --extra train --extra chat --extra base -c requirements/dev.txt -o requirements/oracles.txt
	for name in docs dist; do $(subst pyproject.toml,requirements/$$name.in,$(LOCK)) -c requirements/dev.txt -o requirements/$$name.txt || exit 1; done
	echo 'trl>=1.16' | $(subst pyproject.toml,-,$(LOCK)) -c requirements/oracles.txt -o requirements/peers.txt

include checks.mk
include deploy/cloud.mk

clean: ## Remove what the other targets made here
	rm -rf $(VENV) $(VENV)-* .cache dist .pytest_cache .ruff_cache .hypothesis
