# `make run` opens the app, `make test` runs every check. Both set up what they need, once.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PORT ?= 8501
# To let others in: ADDRESS=0.0.0.0 HOSTS="what they type" (the README says with what risk).
ADDRESS ?= 127.0.0.1
HOSTS ?=
# A browser is opened where there is a screen.
HEADLESS ?= $(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s)),false,true)

.PHONY: run class test docs lint setup prepare lock audit clean

run: prepare
	$(BIN)/python -m streamlit run app/main.py --server.port $(PORT) --server.address $(ADDRESS) \
		$(foreach host,127.0.0.1 localhost ::1 $(HOSTS),--server.allowedHosts $(host)) --server.headless $(HEADLESS) --server.showEmailPrompt false

# Lets a class in: students join with a code, in their own browsers (the README says what they can do).
class: prepare
	$(BIN)/python -m app.command app --class --port $(PORT) $(foreach host,$(HOSTS),--host $(host)) $(if $(filter true,$(HEADLESS)),--no-browser)

test: $(VENV)/.dev prepare lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not alone" -n logical --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m alone

docs: $(VENV)/.dev
	$(BIN)/python -m mkdocs build --strict --quiet

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(VENV)/.run

# The built-in data and the ready-made classifier; does nothing when they are there.
prepare: $(VENV)/.prepared

$(VENV)/.prepared: $(VENV)/.run
	$(BIN)/python -m engine prepare
	touch $@

$(VENV)/.run: requirements.txt requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt -c requirements.lock
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt -c requirements.lock
	touch $@

# What else gets installed, to the version (torch stands in requirements.txt: its builds have names of their own).
lock:
	$(BIN)/python -m pip freeze | grep -v "^torch==" > requirements.lock

audit: $(VENV)/.dev
	$(BIN)/python -m pip install --disable-pip-version-check pip-audit
	$(BIN)/python -m pip_audit -r requirements.lock --no-deps --disable-pip

clean:
	rm -rf $(VENV)
