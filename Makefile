# Everything runs in .venv, which is made from the lock file on first use.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.mezan-installed
FOLDERS := api engine projections solvers alembic
# a strict editable install links files one by one, so new files need a new install; their folders say when
SOURCES := $(shell find $(FOLDERS) -type d ! -name __pycache__)
MEZAN := $(BIN)/mezan
DEMO := .demo/demo.db
BENCHMARKS := log_append log_read rebuild engine_runs procedures loop_blocked qap_bounds qap_many qap_kernels qap_cold_start qap_small qap_quality \
	selection_ratings selection_lab selection_offline selection_online selection_latency selection_qap shadow_latency \
	time_travel http_api http_auth http_events dashboard

.PHONY: install demo test check bench clean

install: $(STAMP)

$(STAMP): pyproject.toml requirements.lock $(SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement requirements.lock
	@# on all cores, and without the packages' own tests; some of their files are no Python that compiles
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable . --config-settings editable_mode=strict
	@touch $@

demo: $(STAMP)
	@rm -rf .demo && mkdir .demo
	@echo '$$ mezan solve examples/qaplib/tai25a.dat --time-limit 5 --seed 7'
	@$(MEZAN) solve examples/qaplib/tai25a.dat --time-limit 5 --seed 7 --db $(DEMO)
	@printf '\n$$ mezan solve examples/qaplib/tai25a.dat --time-limit 5 --seed 7     # again: what is known is where it starts\n'
	@$(MEZAN) solve examples/qaplib/tai25a.dat --time-limit 5 --seed 7 --db $(DEMO)
	@printf '\n$$ mezan why last --verify\n'
	@$(MEZAN) why last --verify --db $(DEMO)
	@printf '\n$$ mezan replay last\n'
	@$(MEZAN) replay last --db $(DEMO)
	@printf '\n$$ mezan leaderboard\n'
	@$(MEZAN) leaderboard --db $(DEMO)
	@printf '\nThe database is %s; look further with: %s runs --db %s\n' $(DEMO) $(MEZAN) $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p mezan.solvers -p mezan.engine -p mezan.projections -p mezan.api
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-bench.lock
	for script in $(BENCHMARKS); do $(BIN)/python benchmarks/$$script.py || exit 1; done
	$(BIN)/python benchmarks/table.py

clean:
	rm -rf $(VENV) .demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
