# The doors to the scripts; `make` lists them. PRESET chooses the build: release, debug, asan or tsan.
PRESET ?= release

.DEFAULT_GOAL := help
.PHONY: help demo setup build test coverage soak bench format lint clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## install what is missing, build, start paddler on the demo model and ask it a question
	@scripts/demo

setup: ## install what is missing from Debian's packages and npm
	@scripts/setup

build: setup ## build PRESET (release, with llama.cpp)
	@scripts/build $(PRESET)

test: ## everything that CI runs; `scripts/test list` names the stages
	@scripts/test

coverage: setup ## what the tests of src/core run of it, file by file
	@scripts/coverage

soak: setup ## the tests of streams and of faults again and again, for MINUTES (10)
	@scripts/soak $(MINUTES)

bench: ## the benchmarks of docs/benchmarks.md
	@scripts/bench

format: ## let clang-format write the sources
	@scripts/lint format --mend

lint: ## every check; needs a build for clang-tidy (`scripts/lint text` does not)
	@scripts/lint all

clean: ## remove the build folders; what was fetched stays in its cache
	@rm -rf build
