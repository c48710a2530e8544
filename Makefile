# Two commands do everything: `make demo` runs the main job, `make test` the tests. Both set up first.
# How long each takes on 2 cores: setup 1 min, check 1 min, test 8 to 13 min, bench 8 min, faults (500 seeds) 4 to 9 min, kills 1 min, rehearse 3 min.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help setup demo test check bench faults kills rehearse pictures clean

help:
	@sed -n 's/^# //p' Makefile
	@echo "make demo [ARGS=\"--headless --json\"] | test | check | bench | faults | kills | rehearse | pictures | setup | clean"

# Installs at locked versions into .venv, compiles the Korean catalogue, lays what pages load; speaks on stderr alone.
setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt build_assets.py package-lock.json $(wildcard src/katchi/locale/*/LC_MESSAGES/*.po)
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/setup.sh 1>&2
	@touch $@

demo: setup
	@$(BIN)/katchi demo $(ARGS)

test: setup
	@sh tools/browser.sh
	@$(BIN)/python -m pytest $(ARGS)

check: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: setup
	@$(BIN)/python -m bench $(ARGS)

# The pictures of the documents, taken anew by the browser tests that show these pages.
pictures: setup
	@sh tools/browser.sh
	@$(BIN)/python -m pytest tests/browser/test_story.py tests/browser/test_demo_page.py tests/browser/test_scenario_pages.py -k "(scripts and not no-scripts) or both_languages or goes_by_keys"
	@$(BIN)/python tools/pictures.py

faults: setup
	@$(BIN)/katchi faults run --seeds 500 $(ARGS)

# A real node is killed 50 times while officers write to it; `make test` does it 20 times.
kills: setup
	@KATCHI_KILLS=50 $(BIN)/python -m pytest -n 0 -s tests/surfaces/test_durability.py -k kills $(ARGS)

# 2,000 rehearsals of the reference scenario beside the sweep and the exact answer.
rehearse: setup
	@$(BIN)/katchi rehearse scenarios/reference.toml --runs 2000 --seed 7 $(ARGS)

clean:
	rm -rf $(VENV) build dist node_modules src/katchi/web/static/vendor src/katchi/offline/vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis
