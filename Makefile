# Everything a developer types. `make demo` and `make test` set up what they need, whichever comes first.
#
# Environment: AUTOML_PREFIX, AUTOML_STATE, PG_CONFIG (see deploy/common.sh); ARGS adds arguments to pytest: make test ARGS='-k iris -x'

SHELL := /bin/bash
.DEFAULT_GOAL := help

venv_bin = $$(deploy/install --where)/bin
pg_bin = $$("$$(deploy/install --pg)" --bindir)
# Brings the private cluster up, and runs a command with the environment's programs and the cluster's URI.
with_dsn = dsn="$$(deploy/cluster dsn)" && env PATH="$(venv_bin):$(pg_bin):$$PATH" AUTOML_TEST_DSN="$$dsn" AUTOML_DSN="$$dsn"

.PHONY: help
help:  ## this list
	@sed -n 's/^\([a-z][a-z -]*\):.*## /\1\t/p' Makefile | expand -t 24

.PHONY: demo
demo:  ## set everything up and run examples/demo on real data
	@deploy/install
	@$(with_dsn) examples/demo

.PHONY: test
test:  ## set everything up and run the tests, without those that take long by their nature
	@deploy/install --with-tests
ifdef ARGS
	@$(with_dsn) python -m pytest $(ARGS)
else
	@$(with_dsn) tests/all
endif

.PHONY: test-on
test-on:  ## make demo and make test on another release of Debian, in a chroot: make test-on SUITE=trixie; as root
	@deploy/test-on "$(SUITE)" $(ARGS)

.PHONY: deb
deb:  ## two Debian packages in build/deb: the extension for the server that PG_CONFIG names, and the environment
	@deploy/deb

.PHONY: soak
soak:  ## searches and faults drawn from SOAK_SEED for SOAK_MINUTES (10), then the tests that make test leaves out as too long
	@deploy/install --with-tests
ifdef ARGS
	@$(with_dsn) python -m pytest -m soak $(ARGS)
else
	@$(with_dsn) env PYTHONPATH=src:tests:tests/sql python tests/soak.py
	@$(with_dsn) python -m pytest -m soak
endif

.PHONY: bench
bench:  ## run the benchmarks, one after the other
	@deploy/install --with-tests --with-bench
	@for file in $(filter-out bench/common.py,$(wildcard bench/*.py)); do $(with_dsn) python $$file || exit; done

.PHONY: lint
lint:  ## ruff and mypy
	@deploy/install --with-tests
	@PATH="$(venv_bin):$$PATH"; ruff check . && ruff format --check . && mypy

.PHONY: start
start:  ## install what is missing and bring the private cluster up
	@deploy/install
	@deploy/cluster start

.PHONY: dsn
dsn:  ## print the URI of the demo's database (use make -s dsn), starting the cluster if it is down
	@deploy/install
	@deploy/cluster dsn

.PHONY: psql
psql:  ## open psql on the demo's database
	@deploy/install
	@$(with_dsn) psql "$$dsn"

.PHONY: stop status destroy
stop status destroy:  ## the private cluster: stop it, tell whether it runs, delete it with its data
	@deploy/cluster $@ || [[ $@ == status ]]

.PHONY: all install uninstall
all:  # what PGXN's client asks for first
install uninstall:  ## the extension's files only, by PGXS; deploy/install does the rest as well
all install uninstall:
	@pg="$$(deploy/install --pg)" && prefix="$$(deploy/install --root)" && folder="$$(deploy/install --folder)" && \
	  $(MAKE) --no-print-directory sql-$@ PG_CONFIG="$$pg" PREFIX="$$prefix" datadir="$${folder%/extension}"

.PHONY: sql-all sql-install sql-uninstall
sql-all sql-install sql-uninstall:
	@mkdir -p build
	@$(MAKE) --no-print-directory -C build -f ../sql/Makefile $(@:sql-%=%)

.PHONY: clean
clean:  ## delete what was built or cached in this folder; what is installed stays
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
