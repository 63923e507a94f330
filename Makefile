# make install | demo | test | test-all | lint | bench | movenet | clean     (VENV=path chooses another environment)
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
ifneq ($(words $(VENV)),1)
$(error VENV=$(VENV): a path without spaces is needed)
endif
# Further options of pip, e.g. PIP_OPTIONS="--index-url URL" for CPU-only wheels of torch.
PIP_OPTIONS ?=
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
# A stamp carries the checksum of what it was made from, so that a changed requirement installs again.
RUNTIME := $(shell cat requirements/runtime.txt requirements/openmmlab.txt setup.py pyproject.toml | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(RUNTIME)
extra_stamp = $(VENV)/.$(1)-$(RUNTIME)-$(shell cat requirements/$(1).txt requirements/peers.txt requirements/render.txt requirements/ray.txt | cksum | cut -d' ' -f1)
TEST_STAMP := $(call extra_stamp,tests)
LINT_STAMP := $(call extra_stamp,lint)
# The study that `make demo` carries out, where it leaves everything, and the model of it that is looked into.
DEMO := configs/studies/demo_rendered.py
DEMO_OUT ?= work_dirs/demo_rendered
DEMO_MODEL := $(DEMO_OUT)/runs/default/seed0
# The picture that it explains, and where the person on it is.
DEMO_PICTURE := data/rendered_people/dev/000200009.jpg --bbox 29,38,138,262
WEIGHTS := work_dirs/weights/movenet-thunder.pth work_dirs/weights/movenet-lightning.pth
QUICK := not long and not network and not crash
# One thread a process: threads that compete for two cores make everything many times slower.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --dist worksteal

.PHONY: help install demo test test-all lint format bench movenet clean

help:
	@sed -n '1p' Makefile | sed 's/^# //'

install: $(STAMP)

$(VENV)/bin/python:
	@for python in $${PYTHON:-python3 python3.12 python3.11 python3.10}; do
	    if "$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
	        echo "creating $(VENV) with $$("$$python" --version)"
	        if "$$python" -m venv --clear $(VENV) && $@ -m pip --version >/dev/null; then exit 0; fi
	        rm -f $@ # without pip it would pass for a whole one the next time
	    fi
	done
	echo 'posescope needs Python 3.10, 3.11 or 3.12 with venv; name one with PYTHON=/path/to/python' >&2; exit 1

$(STAMP): | $(VENV)/bin/python
	@echo 'installing (a few minutes, torch is large)'
	$(PIP) $(PIP_OPTIONS) -r requirements/runtime.txt
	$(PIP) --no-deps -r requirements/openmmlab.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	rm -f $(VENV)/.installed-*
	touch $@

$(TEST_STAMP): $(STAMP)
	@$(PIP) -r requirements/tests.txt
	rm -f $(VENV)/.tests-*
	touch $@

$(LINT_STAMP): $(STAMP)
	@$(PIP) -r requirements/lint.txt
	rm -f $(VENV)/.lint-*
	touch $@

demo: $(STAMP)
	@$(PY) tools/study.py $(DEMO) --work-dir $(DEMO_OUT) --resume
	checkpoint=$$(cat $(DEMO_MODEL)/train/last_checkpoint)
	$(PY) tools/show_store.py $(DEMO_MODEL)/dev/features
	$(PY) tools/explain.py $(DEMO_MODEL)/config.py "$$checkpoint" $(DEMO_PICTURE) --out $(DEMO_OUT)/explanation
	$(PY) tools/test.py $(DEMO_MODEL)/config.py "$$checkpoint" --work-dir $(DEMO_OUT)/predictions \
	    --dump $(DEMO_OUT)/predictions/predictions.pkl >/dev/null
	$(PY) tools/draw_predictions.py $(DEMO_OUT)/predictions/predictions.pkl --num 12 --out $(DEMO_OUT)/predictions.png
	cat $(DEMO_OUT)/study.md

test: $(TEST_STAMP)
	@$(PYTEST) -m '$(QUICK)' $(PYTEST_OPTIONS)

test-all: $(TEST_STAMP) $(WEIGHTS)
	@$(PYTEST) $(PYTEST_OPTIONS)

lint: $(LINT_STAMP)
	@$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(LINT_STAMP)
	@$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(TEST_STAMP)
	@failed=0
	for benchmark in tools/benchmarks/*.py; do
	    $(PY) "$$benchmark" --json "work_dirs/benchmarks/$$(basename "$$benchmark" .py).json" || failed=1
	done
	exit $$failed

movenet: $(WEIGHTS)

$(WEIGHTS): | $(STAMP)
	@$(PY) tools/fetch_movenet.py

clean:
	@rm -rf $(VENV) work_dirs/*
