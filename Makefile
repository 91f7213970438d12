# Every target makes its own environment, says what it does, and may be interrupted and run again.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(max(os.cpu_count() or 2, 2), 8))")
OUT ?= results

.DEFAULT_GOAL := help
.PHONY: help demo test check format format-check lint types imports test-slow test-clients bench fixtures lowest newest dist bundles sbom clean

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-demo  ## Measure a real gap with the two bundled models (FULL=1 for every sample).
	$(BIN)/understudy gap demo --out $(OUT) $(if $(FULL),--full)

test: $(VENV)/.installed-dev  ## Run the whole suite, offline.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not clients"

check: $(VENV)/.installed-dev format-check lint types imports  ## Everything that must hold before a change lands.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not clients" --cov --cov-report=term:skip-covered --cov-fail-under=90

format: $(VENV)/.installed-dev  ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

format-check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.installed-dev  ## Look for mistakes.
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev  ## Check the types, strictly.
	$(BIN)/mypy

imports: $(VENV)/.installed-dev  ## Check that imports point one way.
	$(BIN)/lint-imports

test-slow: $(VENV)/.installed-dev  ## Run the suites that take minutes.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "slow and not clients"

test-clients: $(VENV)/.installed-dev tests/clients/node_modules/.installed  ## Run the suites that need Node, a browser or an MCP client.
	$(BIN)/python -m pytest -m clients

TOOLS := pytest pytest-xdist hypothesis dirty-equals inline-snapshot import-linter trio gguf openai

lowest: $(VENV)/.made  ## Run the suite with the lowest versions that pyproject.toml allows.
	$(PYTHON) packaging/bounds.py harness local > $(VENV)/lowest.txt
	$(PYTHON) -m venv --clear $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet -c $(VENV)/lowest.txt -e '.[harness,local]' $(TOOLS)
	$(VENV)-lowest/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not clients"
	rm -rf $(VENV)-lowest

newest: $(VENV)/.made  ## Run the suite with the newest versions there are today.
	$(PYTHON) -m venv --clear $(VENV)-newest
	$(VENV)-newest/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager -e '.[all,dev]'
	$(VENV)-newest/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not clients"
	rm -rf $(VENV)-newest

bench: $(VENV)/.installed-dev  ## Print every benchmark's ratio against its peer or floor.
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

fixtures: $(VENV)/.installed-dev  ## Rebuild the bundled models from scratch (hours on a CPU).
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m training prepare
	$(BIN)/python -m training fit nano --resume
	$(BIN)/python -m training fit ref --resume
	$(BIN)/python -m training export nano
	$(BIN)/python -m training export ref
	$(BIN)/understudy gap demo --full --out $(OUT)

dist: $(VENV)/.installed-dev  ## Build wheel and sdist.
	$(BIN)/python -m build --outdir dist/python .

bundles: $(VENV)/.installed-dev  ## Build the .mcpb bundles.
	$(BIN)/python packaging/bundles.py

sbom: $(VENV)/.made  ## List what the base install consists of, as CycloneDX.
	$(PYTHON) -m venv --clear $(VENV)-sbom
	$(VENV)-sbom/bin/python -m pip install --quiet . && mkdir -p dist
	$(PIP) install --quiet cyclonedx-bom && $(BIN)/cyclonedx-py environment --pyproject pyproject.toml $(VENV)-sbom/bin/python -o dist/understudy.cdx.json
	rm -rf $(VENV)-sbom

clean:  ## Remove the environment and the caches; results stay.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* build dist

# A stamp is written only after its step ended well, so that an interrupted step is done again.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11. Run: make PYTHON=python3.11 ..."; exit 2; }
	@echo "Making an environment in $(VENV) ..."
	$(PYTHON) -m venv --clear $(VENV) || { echo "This Python cannot make environments. On Debian or Ubuntu: apt-get install python3-venv"; exit 3; }
	@touch $@

$(VENV)/.installed-demo: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing understudy with llama.cpp and the harness ..."
	$(PIP) install --quiet -c constraints.txt -e '.[local,harness]'
	@touch $@

# Scripts of packages do not run, except the one that brings the pinned Node.
tests/clients/node_modules/.installed: tests/clients/package.json
	@if command -v npm > /dev/null; then cd tests/clients && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error && npm rebuild node --loglevel=error && touch node_modules/.installed; else echo "npm is not here: tests that need Node will say that they are skipped"; fi

$(VENV)/.installed-dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing understudy with everything and the development tools ..."
	$(PIP) install --quiet -c constraints.txt -e '.[all,dev]'
	@touch $@
