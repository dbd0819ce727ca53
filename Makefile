# Everything from a bare checkout: python3 (3.11 or later) and make are all that is needed.
#   make demo      the doctor, then digits and a photograph through ResNet-50 on an emulated chip; pages in build/
#   make test      the fast tests             make test-all  the slow ones too
#   make bench     kernels, plans, then tensors on the host   make lint   ruff and mypy
#   make clean     remove what was built, but for .venv
# SPINNTENSOR_CC=arm-none-eabi-gcc chooses another ARM compiler; ARGS="-k gemm" is passed on to the command. Tests run in
# two processes; ARGS="-n 0" takes one.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.peers
COMPILER := $(VENV)/.compiler
SIDE_BY_SIDE := -n 2 --dist loadfile
IMAGES := spinntensor/images/kernels.json
ARM_SOURCES := $(shell find blas_arm spinntensor/abi spinntensor/image -type f -not -name '*.pyc')

.PHONY: demo test test-all bench lint clean FORCE
.DELETE_ON_ERROR:
.NOTPARALLEL:

demo: $(INSTALLED) $(IMAGES)
	$(BIN)/spinntensor doctor
	@mkdir -p build
	$(BIN)/python examples/demo.py --report build

test: $(INSTALLED) $(IMAGES)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-all: $(INSTALLED) $(IMAGES)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m '' --durations=10 $(ARGS)

bench: $(PEERS) $(IMAGES)
	$(BIN)/spinntensor bench kernels $(ARGS)
	$(BIN)/python bench/estimates.py
	$(BIN)/spinntensor bench plans
	$(BIN)/python bench/products.py
	$(BIN)/python bench/tensors.py
	$(BIN)/python bench/resnet_graph.py
	$(BIN)/python bench/machine.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf build dist *.egg-info spinntensor/images .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Written only when the chosen compiler changes, so that the images follow it.
$(COMPILER): FORCE | $(BIN)/python
	@echo '$(SPINNTENSOR_CC)' | cmp -s - $@ || echo '$(SPINNTENSOR_CC)' > $@

$(INSTALLED): pyproject.toml setup.py | $(COMPILER)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(PEERS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

$(IMAGES): $(ARM_SOURCES) $(COMPILER) | $(INSTALLED)
	$(BIN)/python -m spinntensor.image.build
