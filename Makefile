# Everything a developer or an operator starts by hand. `make run` and `make test` need nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DATA ?= ../shared/data

.PHONY: setup run stop test test-dapr test-ui dapr-up dapr-down lint format bench accuracy accuracy-full fit train engine-check lock clean

setup: $(READY)

$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "BudSim needs Python 3.11 or newer; set PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python scripts/warm_up.py
	touch $(READY)

run: setup  ## start BudSim on its embedded default, show the main job's answer, stay up (DETACH=1 returns)
	@DETACH=$(DETACH) scripts/run.sh

stop:  ## stop what `make run DETACH=1` left running
	@scripts/run.sh stop

test: setup
	$(BIN)/python -m pytest
	$(BIN)/lint-imports

test-dapr: setup  ## against the real Dapr: builds daprd, placement, scheduler and Helm once, starts its own on free ports
	scripts/build_dapr.sh
	deploy/helm/build.sh
	$(BIN)/python -m pytest tests/dapr $(LAST_FAILED) -o addopts="-q --strict-markers --import-mode=importlib"

test-ui: setup  ## the page in a real browser: installs Chromium where there is none
	scripts/install_chromium.sh
	$(BIN)/python -m pytest tests/ui -o addopts="-q --strict-markers --import-mode=importlib"

dapr-up: setup  ## Redis, placement, scheduler, sidecar and BudSim on this machine
	scripts/dapr_up.sh --with-app

dapr-down:
	scripts/dapr_down.sh

lint: setup
	BIN=$(BIN) scripts/lint.sh

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## figures of tests/performance, as ratios and seconds on this machine
	for benchmark in tests/performance/benchmark_*.py; do $(BIN)/python $$benchmark || exit 1; done

accuracy: setup  ## predictions against the measurements in DATA
	BUDSIM_ACCURACY_DATA=$(DATA) $(BIN)/python -m pytest tests/accuracy -o addopts="-q --strict-markers --import-mode=importlib"

accuracy-full: setup  ## the same after fitting every fold anew
	$(BIN)/python scripts/validate_models.py --data $(DATA)

fit: setup  ## the physics' constants from the measurements in DATA, of all points and without each fold (both stages)
	$(BIN)/python scripts/fit_step_time.py $(DATA) --write
	$(BIN)/python scripts/fit_folds.py $(DATA) --write
	$(BIN)/python scripts/fit_static.py $(DATA) --write

train: setup  ## residual models and intervals from the measurements in DATA, with the physics as it is now
	OMP_NUM_THREADS=1 $(BIN)/python scripts/train_performance_models.py --data $(DATA)

engine-check: setup  ## what is emitted against the parsers of the engines that are installed here
	$(BIN)/python scripts/engine_check.py

lock:  ## pin and hash the requirements anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements-dev.txt

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
