# The project's commands. `make` alone lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-dev
RUN_STAMP := $(VENV)/.installed-run
PYTEST := $(BIN)/python -m pytest
# What starts the real servers that ZHIKE_TEST_* do not name already, runs a command beside them and stops them.
REAL := infra/mongodb/with-mongodb.sh infra/elasticsearch/with-elasticsearch.sh
PORT_SUITES := $(addprefix tests/contract/,documents eventlog artifacts searchindex leases idempotency)

.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-journeys test-real test-browser fuzz pictures load bench fmt lint proto openapi docs clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(RUN_STAMP): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(STAMP): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(RUN_STAMP)

run: $(RUN_STAMP)  ## install and start everything on the embedded default with the demo shop (Ctrl-C stops it)
	$(BIN)/zhike up --demo

test: $(STAMP)  ## install and pass the checks, the unit, architecture and contract tests
	$(MAKE) --no-print-directory lint
	$(PYTEST) -n 2 -m "not real" tests/unit tests/architecture --disable-socket --allow-unix-socket
	$(PYTEST) -n 2 -m "not real" tests/contract

test-unit: $(STAMP)  ## the fast tests without sockets
	$(PYTEST) -n 2 -m "not real" tests/unit tests/architecture --disable-socket --allow-unix-socket

test-journeys: $(STAMP)  ## the journeys on the real processes
	$(PYTEST) --durations=20 -m "not real" tests/journeys

test-real: $(STAMP)  ## every adapter of the ports, and what else needs real servers (docs/operator.md says how they are found)
	$(REAL) sh -c '$(PYTEST) -n 2 $(PORT_SUITES) && $(PYTEST) -n 2 -m real tests/contract tests/journeys $(PORT_SUITES:%=--ignore=%)'
ifdef ES_JAVA_HOME_9
	env -u ZHIKE_TEST_ELASTICSEARCH ZHIKE_ELASTICSEARCH_VERSION=9.5.3 ES_JAVA_HOME=$(ES_JAVA_HOME_9) \
		infra/elasticsearch/with-elasticsearch.sh $(PYTEST) -m real tests/contract/searchindex tests/contract/search
endif

test-browser: $(STAMP)  ## the pages in a headless browser (needs chromium-headless-shell)
	$(PYTEST) --durations=15 tests/browser

fuzz: $(STAMP)  ## walk every route as every principal on the real processes for ZHIKE_FUZZ_S seconds (600)
	$(PYTEST) -s tests/fuzz

pictures: $(STAMP)  ## take the README's pictures of the demo shop and the console anew
	ZHIKE_SCREENSHOTS=$(VENV)/pictures $(PYTEST) tests/browser/test_demo_shop.py tests/browser/test_orders.py tests/browser/console/test_pictures.py
	for name in $$(grep -oE 'docs/pictures/[a-z0-9-]+\.png' README.md | sort -u); do \
		cp $(VENV)/pictures/$${name##*/} $$name; done

load: $(STAMP)  ## load a platform of its own with 100 requests/s for a minute and hold it to its gates (ZHIKE_URL: that one)
	$(BIN)/python -m loadtests --shape smoke

bench: $(STAMP)  ## the figures that the README quotes (alone on the machine, please)
	$(REAL) $(BIN)/python -m benchmarks.all

fmt: $(STAMP)  ## format code and protos
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

lint: $(STAMP)  ## formatting, lint, types, import contracts, protos, image, compose, dashboards, rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy services gateway infra loadtests
	$(BIN)/lint-imports
	$(BIN)/python protos/generate.py --lint
	$(BIN)/hadolint infra/docker/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec infra/compose.yaml
	$(BIN)/check-jsonschema --schemafile infra/grafana/dashboard.schema.json infra/grafana/dashboards/*.json
	@if command -v promtool >/dev/null; then cd infra/prometheus && promtool check config prometheus.yml && promtool test rules rules/zhike.test.yml; \
	else echo "promtool is not on this machine (Debian: prometheus): the rules of infra/prometheus are not checked"; fi

proto: $(STAMP)  ## generate protos/gen from the .proto files
	$(BIN)/python protos/generate.py

openapi: $(STAMP)  ## write gateway/openapi.json from the routes
	$(BIN)/python -m gateway.openapi

docs: $(STAMP)  ## write docs/reference.md and the dashboards from the code
	$(BIN)/python -m infra.reference
	$(BIN)/python -m infra.grafana.build

clean:  ## remove the environment and the embedded data
	rm -rf $(VENV) zhike-data
