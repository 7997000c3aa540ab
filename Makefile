# The two commands of a newcomer are `make demo` and `make test`; both do all of their own set-up and can be repeated.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

NODE_MIN := 20
SOURCES := $(shell find common proto allocator master agent frameworks cli test/bench test/simulation -name '*.ts' -o -name '*.proto' -o -name '*.js' 2>/dev/null | grep -v '^proto/generated/')

help:
	@echo 'make demo             a real particle job on a real cluster on this machine (KEEP=1 keeps the cluster)'
	@echo 'make test             everything that is tested; needs etcd: installs it where it may, or ETCD=/path/to/etcd'
	@echo 'make sim              the simulation with many seeds, e.g. SEEDS=1-1000'
	@echo 'make bench            figures of this machine, as a table and as JSON'
	@echo 'make bench-allocator  the allocator on the workloads of Mesos, beside the C++ figures; BENCH="full decline"'
	@echo 'make build            compile into dist/'
	@echo 'make clean            remove what was built'

node-version:
	@command -v node >/dev/null || { echo 'Allot needs Node $(NODE_MIN) or newer: node is not on the PATH' >&2; exit 1; }
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= $(NODE_MIN) ? 0 : 1)' || \
	  { echo "Allot needs Node $(NODE_MIN) or newer: this is $$(node --version)" >&2; exit 1; }

# What the lock file pins, and nothing written back. Not `npm ci`: it refuses to work when a mirror of the registry lacks an optional package of some
# other platform. npm is quiet unless it fails; then everything it said is shown.
node_modules/.installed: package.json package-lock.json | node-version
	@echo 'Installing packages'
	@log=$$(mktemp); npm install --no-save --loglevel=error >$$log 2>&1 || { cat $$log >&2; rm -f $$log; exit 1; }; rm -f $$log
	@touch $@

dist/.built: node_modules/.installed tsconfig.json tsconfig.build.json $(SOURCES)
	@echo 'Building'
	@npm run --silent build
	@touch $@

install: node_modules/.installed

build: dist/.built

demo: build
	@node dist/frameworks/particles/demo.js

# Jest runs the sources; the types of everything, tests included, are checked first. The processes that tests start come from dist/.
test: build
	@etcd="$$(bash test/ensure-etcd.sh)"; \
	  node_modules/.bin/tsc -p tsconfig.json --noEmit; \
	  ETCD="$$etcd" node_modules/.bin/jest

sim: build
	@node dist/test/simulation/main.js --seeds '$(or $(SEEDS),1-1000)'

bench: build
	@etcd="$$(bash test/ensure-etcd.sh)"; ETCD="$$etcd" node dist/test/bench/main.js $(BENCH)

# Memory in use is counted after a collection, which only this flag allows to ask for. Some workloads or cells: BENCH="full decline:1000x50".
bench-allocator: build
	@node --expose-gc dist/test/bench/allocator/main.js $(BENCH)

clean:
	rm -rf dist proto/generated .jest-cache .allot

.PHONY: help node-version install build demo test sim bench bench-allocator clean
