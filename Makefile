# What a checkout can do; `make` alone lists it. The environment is made and kept up to date by
# packaging/environment.sh: about two minutes the first time, about a second after.

SHELL := /bin/bash
PYTHON := .venv/bin/python
DRIVE := out/demo/drive.mcap
# of one's own for the demo: a recording or a folder of clouds, and a checkpoint or its name
DATA ?= $(DRIVE)
MODEL ?= sim_student
ARGS ?=
# named, because an installed ROS brings plugins of its own, made for an older pytest
PLUGINS := -p pytest_timeout -p _hypothesis_pytestplugin
# so many test modules run beside each other; 0: one after another, as a debugger wants it
WORKERS ?= $(shell n=$$(nproc); echo $$((n > 4 ? 4 : n)))
BESIDE := -p xdist.plugin -n $(WORKERS) --dist loadfile

# ROS's wheels do not say where they are; a shell that sources ROS does, and is left alone
AMENT_PREFIX_PATH ?= $(CURDIR)/.venv
export AMENT_PREFIX_PATH
# left by a node that started this shell, it would point Python at that node's libraries
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

# nodes of the demo and the tests talk to nobody outside this machine unless told to
demo test: export ROS_AUTOMATIC_DISCOVERY_RANGE := $(or $(ROS_AUTOMATIC_DISCOVERY_RANGE),LOCALHOST)

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs clean environment-demo environment-test environment-docs

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: environment-demo $(filter $(DRIVE),$(DATA)) ## detect in a simulated drive, or in DATA=BAG-OR-FOLDER, through the ROS node
	$(PYTHON) -m pd_ros.live_replay --recording "$(DATA)" --model "$(MODEL)" --out out/demo/result \
		--animation out/demo/result/drive.webp

# order-only: a renewed environment is no reason to simulate again
$(DRIVE): | environment-demo
	mkdir -p $(@D)
	$(PYTHON) -m training.simulate drive --out $@ --seconds 20 --seed 3

test: environment-test ## all tests; ARGS="-k node -x" goes to pytest
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(PYTHON) -m pytest $(PLUGINS) $(BESIDE) $(ARGS)

lint: environment-test ## ruff, mypy, links of the pages
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(PYTHON) -m pytest -q $(PLUGINS) test/product/test_links.py

docs: environment-docs ## the site of docs/, every link checked: out/site
	$(PYTHON) -m mkdocs build --strict

environment-demo:
	@packaging/environment.sh run ros train

environment-test:
	@packaging/environment.sh run ros train test

environment-docs:
	@packaging/environment.sh run docs

clean: ## remove .venv and out
	rm -rf .venv out
