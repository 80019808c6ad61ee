# One command each. `make demo ARGS=--no-serve` passes ARGS on.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test test-full lint pack lock clean

setup: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup
	$(BIN)/onegrid demo $(ARGS)

test: setup
	$(BIN)/pytest -n 2 -m "not crash and not browser and not real_data and not long" --cov --cov-report=json:.coverage.json --cov-report= $(ARGS)
	$(BIN)/python tests/coverage_floor.py .coverage.json

test-full: setup
	$(BIN)/pytest -m "crash or browser or real_data or long" -rs -s $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pack: setup  ## writes config/chengdu anew from its seed
	$(BIN)/python -m grids.synthetic config/chengdu

lock:  ## pins every version with its hashes; needs uv on the PATH
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra dev pyproject.toml -o constraints.txt

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .coverage* data
