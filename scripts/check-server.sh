#!/usr/bin/env bash
# Checks `retnet serve` with the clients that people use, with broken requests, and under load.
#
# usage: scripts/check-server.sh [openai|lm-eval|states|fuzz|load]…       without a name: all of them
#   openai   the client of OpenAI: every answer is that of `retnet generate`; streams, counts, errors, conversations
#   lm-eval  lm-evaluation-harness through the server has the figures of `retnet eval --tasks`
#   states   names that are refused; ten times kill -9 while states are saved: each saved file is whole
#   fuzz     N requests, mutated from valid ones: no crash, no hang, no status 500
#   load     64 clients for MINUTES, a third of which go away: every answer is right, and memory stays flat
#
#   RETNET              (environment) the program to check; without it, the release build of this folder
#   MINUTES             (environment) minutes of load (1); the long check has 10
#   N                   (environment) requests of fuzz (20,000); the long check has 100,000
#   SEED, FIRST         (environment) seed of fuzz and load (1), and number of fuzz's first request (1)
#   SERVER_ENVIRONMENT  (environment) where the Python environment is kept (default: .build/check-server)
#
# The clients come from PyPI, in an environment of their own (scripts/check-server/setup.sh). The models are tiny and
# trained on the project's documents: one whose sequences start with BOS, one without BOS, one with a chat template.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=$(realpath "${RETNET:-.build/release/retnet}")
stages=("$@")
if (($# == 0)); then stages=(openai lm-eval states fuzz load); fi
for stage in "${stages[@]}"; do
  if [[ ! -f scripts/check-server/check_${stage//-/_}.py ]]; then
    printf 'error: %s: expected openai, lm-eval, states, fuzz or load\n' "$stage" >&2
    exit 64
  fi
done
if ! "$retnet" serve --help >/dev/null 2>&1; then
  printf 'error: %s has no command serve\n' "$retnet" >&2
  printf 'hint: swift build -c release --product retnet --traits Server\n' >&2
  exit 66
fi

scripts/check-server/setup.sh
python=${SERVER_ENVIRONMENT:-.build/check-server}/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The folder has bos.safetensors, plain.safetensors and chat.safetensors.
make_models() {
  scripts/tiny-model.sh "$retnet" "$work" 20
  mv "$work/run/last.safetensors" "$work/bos.safetensors"
  "$retnet" train --config "$work/tiny.yaml" -o "$work/run-plain" --set model.bos=none -q
  mv "$work/run-plain/last.safetensors" "$work/plain.safetensors"
  "$python" scripts/check-server/make_chats.py "$work/text" >"$work/chats.jsonl"
  "$retnet" tokenize pack -m "$work/tokenizer.model" --input "$work/chats.jsonl" --chat-field messages \
    -o "$work/chats.tokens" -q
  "$retnet" train --config "$work/tiny.yaml" -o "$work/run-chat" --set "data.train=$work/chats.tokens" -q
  mv "$work/run-chat/last.safetensors" "$work/chat.safetensors"
}
make_models >/dev/null

failed=()
for stage in "${stages[@]}"; do
  printf '== %s\n' "$stage" >&2
  "$python" "scripts/check-server/check_${stage//-/_}.py" "$retnet" "$work" || failed+=("$stage")
done
if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[*]}" >&2
  exit 1
fi
