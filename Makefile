# `make demo` and `make test` need Python >= 3.10, a C++ compiler and nothing else.
PYTHON ?= python3
# What is installed of setup.py's extras; `make test EXTRAS=all,train` adds PyTorch and the tests that need it.
EXTRAS ?= all
VENV := .venv
INSTALLED := $(VENV)/installed-$(EXTRAS)
BIN := $(VENV)/bin
LIBRARY := plugins/libpatchskip.so
CPP := $(shell find plugins tests -name '*.cpp' -o -name '*.cc' -o -name '*.h' -o -name '*.cuh' -o -name '*.cu')

.PHONY: all demo test test-slow lint format aarch64 kernels gpu-check plugin clean

all: $(LIBRARY)

# Debian keeps ensurepip in a package of its own (python3-venv): without it the system's pip fills the environment.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

$(INSTALLED): setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e ".[$(EXTRAS)]"
	touch $@

$(LIBRARY): $(CPP) plugins/build.py | $(INSTALLED)
	$(BIN)/python plugins/build.py
	touch $@

demo: $(INSTALLED) $(LIBRARY)
	$(BIN)/python -m patchskip.benchmarks.demo demo

test: $(INSTALLED) $(LIBRARY)
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(INSTALLED) $(LIBRARY)
	$(BIN)/python -m pytest -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CPP)

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(CPP)

aarch64: $(INSTALLED)
	$(BIN)/python -m pytest tests/plugins -k aarch64

# The table of the CUDA kernels' registers, shared memory and occupancy; needs no GPU.
kernels: $(INSTALLED)
	$(BIN)/python -m patchskip.benchmarks.kernels -o docs/measurements/cuda-kernels.md

# Needs an NVIDIA GPU. MODELS: what `patchskip export` wrote; by default the demonstration's network.
gpu-check: $(INSTALLED) $(LIBRARY)
	$(BIN)/python -m patchskip.benchmarks.gpu_check $(MODELS) -o docs/measurements

# The TensorRT plugin, for this machine's GPU or SM=53,87 and the headers that are installed or TENSORRT_INCLUDE=folder.
# On a Jetson too: Python 3.6 and numpy will do.
plugin:
	PYTHONPATH=src $(or $(wildcard $(BIN)/python),$(PYTHON)) -m patchskip.plugins.tensorrt.build

clean:
	rm -rf $(VENV) $(LIBRARY) plugins/libpatchskip_tensorrt.so build dist demo src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
