# Fresh machine, two commands: `make demo` and `make test`. All of it goes through one virtual
# environment and constraints.txt. It needs Python 3.11 or newer, pip and make.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
OUT ?= demo

.PHONY: demo test docs bench lint schemas clean

demo: $(VENV)/.ready
	$(BIN)/ditlaw demo --out $(OUT)

test: $(VENV)/.ready
	$(BIN)/python tests/check_environment.py
	# As files come: by their number of tests the few long ones would be left for the end.
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

docs: $(VENV)/.ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/speed.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/loading.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bookkeeping.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/startup.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/family_speed.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/training_speed.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/coverage.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/coverage.py general --processes 2

lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

schemas: $(VENV)/.ready
	$(BIN)/python -m ditlaw.schemas

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache build dist site
