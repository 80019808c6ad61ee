# One command each. `make demo ARGS=--no-serve` passes ARGS on.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test test-full long lint pack lock clean

setup: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup
	$(BIN)/onegrid demo $(ARGS)

test: setup
	$(BIN)/pytest -n 2 -m "not crash and not browser and not real_data and not cluster and not prometheus and not whole and not long" --cov --cov-report=json:.coverage.json --cov-report= $(ARGS)
	$(BIN)/python tests/coverage_floor.py .coverage.json

test-full: setup
	$(BIN)/pytest -m "(crash or browser or real_data or cluster or prometheus or whole) and not long" -rs -s $(ARGS)

long: setup  ## a hundred kills, failures of a cluster under 200,000 reports each, 20,000 seeds; prints their figures
	$(BIN)/pytest -m long -rs -s
	$(BIN)/python -m tests.cluster --reports 200000
	$(BIN)/python -m tests.conformance --reports 20000
	$(BIN)/python -m tests.simulation --seeds 20000 --processes 2 $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pack: setup  ## writes config/chengdu anew from its seed
	$(BIN)/python -m grids.synthetic config/chengdu

lock:  ## pins every version with its hashes; needs uv on the PATH
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra dev --extra cluster pyproject.toml -o constraints.txt

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .coverage* data
