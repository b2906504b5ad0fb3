#!/usr/bin/env bash
# Compares the figures of `retnet eval --tasks` with those of lm-evaluation-harness on the same model.
#
# usage: scripts/check-lm-eval.sh [ROWS]
#   ROWS    rows of each task (40)
#   RETNET  (environment) the program to check; without it, the release build of this folder
#   MODEL   (environment) the model; without it, runs/kjv-small/best.safetensors if it is there, else a tiny one
#
# The harness comes from PyPI, in an environment of its own (scripts/check-lm-eval/setup.sh). It gets log-likelihoods of
# ids from `retnet`; its templates, its border between context and continuation, its draws of examples and its figures
# are its own. Every figure has to be equal to 1e-6, every log-likelihood to 1e-4: 0-shot and 4-shot, with and without
# BOS. Two tasks are a user's own: one about last words, one about whole texts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

retnet=${RETNET:-$PWD/.build/release/retnet}
scripts/check-lm-eval/setup.sh
python=${LM_EVAL_ENVIRONMENT:-.build/lm-eval}/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

model=${MODEL:-runs/kjv-small/best.safetensors}
if [[ ! -f $model ]]; then
  scripts/tiny-model.sh "$retnet" "$work" 20 >/dev/null
  model=$work/run/last.safetensors
fi
"$retnet" convert "$model" --to huggingface -o "$work/exported" -q
"$python" scripts/check-lm-eval/make_rows.py "$work/data" "${1:-40}"
bos=$("$retnet" info "$model" --json | "$python" -c '
import json, sys
print(json.load(sys.stdin)["bos_id"])')

failed=0
for shots in 0 4; do
  for start in "$bos" none; do
    PREFIX=$bos "$python" scripts/check-lm-eval/run.py "$retnet" "$model" "$work/exported/tokenizer.json" "$work/data" \
      "$work" "$shots" "$start" >"$work/log" 2>"$work/errors" || { failed=1; tail -n 20 "$work/errors"; }
    sed 's/^/  /' "$work/log"
  done
done
if ((failed)); then
  echo "The figures differ."
  exit 1
fi
echo "All figures are equal."
