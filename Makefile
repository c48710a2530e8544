# Two commands do everything: `make demo` runs the main job, `make test` the tests. Both set up first.
# How long each takes on 2 cores: setup 20 s, check 30 s, test 3 min, bench 3 min, faults (500 seeds) 4 min.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help setup demo test check bench faults clean

help:
	@sed -n 's/^# //p' Makefile
	@echo "make demo [ARGS=\"--headless --json\"] | test | check | bench | faults | setup | clean"

# Installs at locked versions into .venv and compiles the Korean catalogue; speaks on stderr alone.
setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt build_catalogues.py $(wildcard src/katchi/locale/*/LC_MESSAGES/*.po)
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/setup.sh 1>&2
	@touch $@

demo: setup
	@$(BIN)/katchi demo $(ARGS)

test: setup
	@$(BIN)/python -m pytest $(ARGS)

check: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: setup
	@$(BIN)/python -m bench $(ARGS)

faults: setup
	@$(BIN)/katchi faults run --seeds 500 $(ARGS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
