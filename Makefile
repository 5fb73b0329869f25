# The two commands: `make demo` and `make test`. Each makes .venv when it is missing and installs what it needs: the demo
# no more than that, the tests everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo
DOCKER ?= docker
ACCELERATOR ?= cuda

.PHONY: help demo wheel-demo test test-full audiocraft-real docker lint-docker lint types format bench docs clean install

help:
	@echo "make demo       a small synthetic corpus through every step; opens on demo/report.html"
	@echo "make wheel-demo a wheel, installed in a fresh environment elsewhere, makes the demo too"
	@echo "make test       the tests (about 7 minutes on 2 cores)"
	@echo "make test-full  the longer proofs too"
	@echo "make audiocraft-real  both notebooks with the real AudioCraft, in .audiocraft-real (3 minutes, 2 GB);"
	@echo "                CLONE=<path> takes another checkout of it, SMALLEST=1 leaves out what takes longest"
	@echo "make lint       ruff and import-linter"
	@echo "make lint-docker  hadolint over the Dockerfile"
	@echo "make types      mypy, strict"
	@echo "make docker     the image of MusicGen; ACCELERATOR=cpu TORCH_INDEX=<address> makes the smaller one without CUDA"
	@echo "make bench      every performance claim, measured here"
	@echo "make docs       writes the generated pages of docs/ anew"

$(BIN)/python:
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# On a terminal pip shows its own bars; elsewhere a line before each step has to do.
pip-install = @if [ -t 1 ]; then quiet=; else quiet=--quiet; fi; \
	$(BIN)/python -m pip install $$quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'

# In a variable, since a comma would end an argument of `call`.
EVERYTHING := all,test,lint

# What is pinned decides what is installed: the stamps are as new as the two files that say so.
$(VENV)/installed-demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing soundwright, pyarrow and matplotlib into $(VENV): about 100 MB to download, 400 MB on disk"
	$(call pip-install,demo)
	@touch $@

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing everything, PyTorch too, into $(VENV): about 2 GB on disk, several minutes"
	$(call pip-install,$(EVERYTHING))
	@touch $@ $(VENV)/installed-demo

install: $(VENV)/installed

demo: $(VENV)/installed-demo
	@echo "running the demo"
	@$(BIN)/soundwright demo --output $(DEMO)

# What a user of the wheel has: no checkout, and the folder of the package is not where anything is written.
wheel-demo: $(BIN)/python
	@set -e; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	echo "building the wheel"; \
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$$place" .; \
	echo "installing it elsewhere"; \
	$(PYTHON) -m venv "$$place/environment"; \
	"$$place/environment/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  "$$(echo "$$place"/soundwright-*.whl)[demo]"; \
	cd "$$place"; environment/bin/soundwright demo --output demo; test -s demo/report.html

test: install
	$(BIN)/lint-imports --cache-dir .import_linter_cache
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not full"

test-full: install
	$(BIN)/lint-imports --cache-dir .import_linter_cache
	$(BIN)/python -m pytest -n 2 --dist worksteal
	$(MAKE) audiocraft-real

audiocraft-real: install
	$(BIN)/python tests/notebooks/audiocraft_real.py .audiocraft-real \
	  $(if $(CLONE),--clone $(CLONE)) $(if $(SMALLEST),--smallest)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --cache-dir .import_linter_cache

lint-docker: install
	$(BIN)/hadolint docker/Dockerfile

# No address of an index stands here: TORCH_INDEX is where pip finds PyTorch's wheels, empty for the usual ones (CUDA).
docker:
	$(DOCKER) build -f docker/Dockerfile -t soundwright-music:$(ACCELERATOR) -t audiocraft:large.community \
	  --build-arg ACCELERATOR=$(ACCELERATOR) --build-arg TORCH_INDEX=$(TORCH_INDEX) \
	  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) .

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install
	$(BIN)/mypy

bench: install
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	for file in benchmarks/[a-z]*.py; do \
	  case $$file in benchmarks/paired.py) continue;; esac; \
	  echo; echo "== $$file"; $(BIN)/python $$file || exit 1; \
	done

docs: install
	$(BIN)/python -m soundwright.cli.reference docs/cli.md

clean:
	rm -rf $(VENV) .audiocraft-real build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
