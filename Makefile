# Every target sets itself up; Python 3.11+, make and the package registry are enough.
# `make help` lists them.

PYTHON ?= python3
SHELL := /bin/bash
BIN := .venv/bin

# The state of `make run`, inside the checkout and ignored by git.
export TRADEWIND_HOME ?= $(CURDIR)/.tradewind

.DEFAULT_GOAL := help
.PHONY: help setup ui screenshots run kube-assets kube-cluster test test-differential check reference format bench providers campaign clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:
	@$(PYTHON) tools/environment.py

run: setup ## Start Tradewind with the example DAGs; whoever uses this machine is its administrator
	@TRADEWIND__API__TRUST_LOOPBACK=$${TRADEWIND__API__TRUST_LOOPBACK:-true} TRADEWIND__CORE__LOAD_EXAMPLES=$${TRADEWIND__CORE__LOAD_EXAMPLES:-true} exec $(BIN)/tradewind standalone

ui: ## Build the web UI after a change in ui/ (needs Node)
	@$(PYTHON) tools/ui.py

screenshots: setup ## Take the pictures of the docs again
	@$(PYTHON) tools/servers.py
	@$(BIN)/python -m tools.screenshots

kube-assets: ## Build the control plane of the Kubernetes tests (needs Go; minutes, once)
	@$(PYTHON) tools/kube_assets.py

test: setup ## Run every test, those in a browser and on Kubernetes by themselves (ARGS, UI_ARGS, KUBE_ARGS)
	@$(PYTHON) tools/servers.py
	@$(BIN)/pytest -n auto --ignore=tests/ui --ignore=tests/kube $(ARGS)
	@$(BIN)/pytest tests/ui $(UI_ARGS)
	@$(BIN)/pytest tests/kube $(KUBE_ARGS)

kube-cluster: setup ## Run the Kubernetes tests on a cluster of yours: KUBECONFIG=file (KUBE_ARGS)
	@TRADEWIND_KUBE_CLUSTER=$${KUBECONFIG:-$$HOME/.kube/config} $(BIN)/pytest tests/kube $(KUBE_ARGS)

check: setup ## Lint, types, layers, sizes, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -p no:randomly tests/docs tests/typing

reference: setup ## Write docs/configuration.md and docs/cli.md from the program
	@$(BIN)/python tools/reference.py

format: setup ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

providers: setup ## Load every module of the larger provider packages too (downloads 1 GB once)
	@$(PYTHON) tools/servers.py
	@TRADEWIND_TEST_MORE_PROVIDERS=1 $(BIN)/pytest -q tests/providers $(ARGS)

test-differential: setup ## Compare with Apache Airflow itself (installs it into the user's cache, once)
	@TRADEWIND_TEST_AIRFLOW=$$($(BIN)/python tools/airflow.py --print) $(BIN)/pytest -q tests/differential $(ARGS)

bench: setup ## Measure every figure of the README, beside the machine's limit
	@$(PYTHON) tools/servers.py
	@$(BIN)/python bench/run.py $(ARGS)

campaign: setup ## Simulate many seeds (SEEDS=100000), kill anything while 500 tasks run; docs/campaign.md
	@$(PYTHON) tools/servers.py
	@$(BIN)/python tools/campaign.py --seeds $(or $(SEEDS),100000) $(ARGS)

clean: ## Remove what was built, measured and cached; keeps .tradewind
	rm -rf .venv .tools dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
